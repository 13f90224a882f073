"""`resolve`: the events of one flush find or make their nodes and profiles, and their identifiers are linked.

In the usual case, where every identifier is known and nothing is to be joined, this takes two statements: find and
lock, then count the links. New identifiers and joins take one each, and one more to read what the profiles hold.

Profiles are locked in the order of their ids, then nodes are made in the order of (kind, value): two flushes that meet
wait for each other instead of locking crosswise. Where one of them learns only after waiting that an identifier is
elsewhere, it locks the further profiles out of order; a deadlock that may come of it is ended by PostgreSQL with an
error of `RETRYABLE`, and the whole transaction is to be done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import asyncpg
import msgspec
from msgspec import Struct

from cdp.db.pool import Connection, planned_for
from cdp.db.queries import load_queries
from cdp.errors import Unavailable
from cdp.identity import aliases, anchors, graph, proving
from cdp.identity.kinds import Kinds
from cdp.identity.parting import pair_of
from cdp.lenses.additions import Joined
from cdp.model import Event, EventType, Identifier, NodeId, ProfileId, WorkspaceId

queries = load_queries("cdp.identity", "identity.sql")

RETRYABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What may end a transaction that resolves, merges or splits, and be gone when the whole of it is done again."""

_Found: TypeAlias = tuple[dict[Identifier, NodeId], dict[Identifier, ProfileId]]
"""Nodes and profiles of identifiers that are known."""

_encoder = msgspec.json.Encoder()

_ATTEMPTS = 20
"""How often identifiers may move away under our eyes before we give up; each time another transaction has finished."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """Whom the events of a flush are about."""

    node_of: list[NodeId]
    """Per event, the node of its strongest identifier: its facts hang there."""
    profile_of: dict[NodeId, ProfileId]
    """Of every node that an event names, after all joins."""
    new_nodes: list[tuple[NodeId, Identifier]]
    born: set[ProfileId] = field(default_factory=set)
    """Profiles that were made for them."""
    touched: set[ProfileId] = field(default_factory=set)
    """Profiles whose views change, to be settled; survivors only. Whoever changes more of a profile adds it."""
    joined: dict[ProfileId, Joined] = field(default_factory=dict)
    """Of those who were made, the accounts that they are in, where it is one, for one reason."""
    anew: set[ProfileId] = field(default_factory=set)
    """Those of them that must be derived as a whole: others were merged into them, or their memberships change."""
    gone: frozenset[ProfileId] = frozenset()
    """Profiles that were merged into others."""


class _Sighting(Struct, kw_only=True):
    """One set of identifiers that events of a flush carry, and how often."""

    identifiers: tuple[Identifier, ...]
    rule: str
    evidence: Event
    """The first to arrive; its vetoes and proofs are those of all."""
    times: int
    first_at: datetime
    last_at: datetime


class _Said(Struct):
    """What a flush says about one pair of nodes."""

    link: graph.Link
    seen: _Sighting
    """The first."""
    times: int
    first_at: datetime
    last_at: datetime


async def resolve(
    connection: Connection, workspace_id: WorkspaceId, events: Sequence[Event], kinds: Kinds, now: datetime
) -> Resolution:
    """Find or make nodes and profiles, link what was seen together, merge profiles that prove to be one person.

    Call it inside a transaction of isolation READ COMMITTED; the profiles of all events stay locked to its end.

    Raises:
        Unavailable: identifiers kept moving between profiles; nothing is wrong, try again.
        asyncpg.DeadlockDetectedError: as in `RETRYABLE`.
    """
    wanted = {identifier for event in events for identifier in event.identifiers}
    users = aliases.previous_users(events)
    claimed = {identifier for event in events for identifier in event.unproven}
    for _ in range(_ATTEMPTS):
        found = await _find(connection, workspace_id, wanted | users | claimed)
        if found is None:
            continue
        node_ids, home = found
        sightings, sighting_of = _sightings(
            events, kinds, {one for one in users if one in home or one in wanted}
        )
        decision = await _decide(connection, workspace_id, sightings, kinds, found)
        born = await _bear(connection, workspace_id, decision, home, now)
        if born is None:
            continue
        node_ids.update((identifier, node_id) for identifier, (node_id, _) in born.items())
        if decision.merged:
            losers, survivors = list(decision.merged), list(decision.merged.values())
            async with planned_for(connection, len(losers)):
                await connection.execute(queries.merge_profiles, workspace_id, losers, survivors, now)
        links = decision.links
        if claimed:
            evidence = [seen.evidence for seen in sightings]
            links += proving.refused(evidence, home, decision)
        await _note_links(connection, workspace_id, links, sightings, node_ids)
        return _resolution(
            decision, node_ids, born, [sightings[index].identifiers[0] for index in sighting_of]
        )
    raise Unavailable("These identifiers are being merged and split all the time; try again in a moment.")


def _sightings(
    events: Sequence[Event], kinds: Kinds, users: AbstractSet[Identifier]
) -> tuple[list[_Sighting], list[int]]:
    """The different sets of identifiers in the order of arrival, and for each event the index of its own."""
    sightings: list[_Sighting] = []
    index_of: dict[tuple[object, ...], int] = {}
    sighting_of: list[int] = []
    for event in events:
        identifiers, rule = event.identifiers, graph.SEEN_TOGETHER
        if event.type is EventType.ALIAS:
            identifiers, rule = aliases.as_users(identifiers, kinds, users), graph.ALIAS
        index = index_of.setdefault(
            (rule, identifiers, event.vetoes, event.proven, event.unproven), len(sightings)
        )
        sighting_of.append(index)
        at = event.occurred_at
        if index == len(sightings):
            sightings.append(
                _Sighting(
                    identifiers=identifiers, rule=rule, evidence=event, times=1, first_at=at, last_at=at
                )
            )
            continue
        seen = sightings[index]
        seen.times += 1
        if at < seen.first_at:
            seen.first_at = at
        elif at > seen.last_at:
            seen.last_at = at
    return sightings, sighting_of


async def _find(
    connection: Connection, workspace_id: WorkspaceId, wanted: AbstractSet[Identifier]
) -> _Found | None:
    """Nodes and profiles of the identifiers that are known, the profiles locked; None: some moved while we waited."""
    asked = list(wanted)
    rows = await connection.fetch(
        queries.find_nodes, workspace_id, [one.kind for one in asked], [one.value for one in asked]
    )
    node_ids: dict[Identifier, NodeId] = {}
    home: dict[Identifier, ProfileId] = {}
    for position, node_id, profile_id in rows:
        if position is None:
            return None
        identifier = asked[position - 1]
        node_ids[identifier] = node_id
        home[identifier] = profile_id
    return node_ids, home


async def _decide(
    connection: Connection,
    workspace_id: WorkspaceId,
    sightings: Sequence[_Sighting],
    kinds: Kinds,
    found: _Found,
) -> graph.Decision:
    """Read what the decision needs, if anything, and take it."""
    node_ids, home = found
    sets = [sighting.identifiers for sighting in sightings]
    holdings: dict[ProfileId, dict[str, int]] = {}
    cuts: list[tuple[ProfileId, ProfileId]] = []
    if open_profiles := graph.undecided(sets, home):
        for row in await connection.fetch(queries.load_holdings, workspace_id, list(open_profiles)):
            profile_id, kind, held, other = row
            if other is None:
                holdings.setdefault(profile_id, {})[kind] = held
            else:
                cuts.append((profile_id, other))
    vetoes = {index: seen.evidence.vetoes for index, seen in enumerate(sightings) if seen.evidence.vetoes}
    pivots = anchors.pivots(sets, kinds=kinds, home=home, holdings=holdings)
    return graph.decide(
        sets,
        kinds=kinds,
        home=home,
        holdings=holdings,
        cuts=cuts,
        vetoes=vetoes,
        proofs=proving.proofs_of([seen.evidence for seen in sightings]),
        resting=await proving.resting(connection, workspace_id, pivots, node_ids),
    )


async def _bear(
    connection: Connection,
    workspace_id: WorkspaceId,
    decision: graph.Decision,
    home: Mapping[Identifier, ProfileId],
    now: datetime,
) -> dict[Identifier, tuple[NodeId, ProfileId]] | None:
    """Make the nodes that are missing, and a profile for each new component; None: another was quicker with one."""
    new = [(one, component) for one, component in decision.component_of.items() if one not in home]
    if not new:
        return {}
    litters: dict[int, int] = {}
    for _, component in new:
        if component < 0:
            litters.setdefault(component, len(litters) + 1)
    # A savepoint, so that those who wait for a node that we take back need not wait for the rest of this flush.
    birth = connection.transaction()
    await birth.start()
    rows = await connection.fetch(
        queries.bear_nodes,
        workspace_id,
        len(litters),
        [one.kind for one, _ in new],
        [one.value for one, _ in new],
        [component if component > 0 else None for _, component in new],
        [litters.get(component) for _, component in new],
        now,
    )
    if len(rows) < len(new):
        await birth.rollback()
        return None
    await birth.commit()
    return {
        Identifier(kind, value): (NodeId(node_id), ProfileId(profile_id))
        for node_id, kind, value, profile_id in rows
    }


async def _note_links(
    connection: Connection,
    workspace_id: WorkspaceId,
    links: Sequence[graph.Link],
    sightings: Sequence[_Sighting],
    node_ids: Mapping[Identifier, NodeId],
) -> None:
    """Keep what was decided, each pair once a flush."""
    if not links:
        return
    said: dict[tuple[NodeId, NodeId, bool], _Said] = {}
    for link in links:
        pair = (*pair_of(node_ids[link.pair[0]], node_ids[link.pair[1]]), link.refusal is None)
        for index in link.sightings:
            seen = sightings[index]
            # The same pair may be seen from either end, where two of one kind take turns in being the strongest.
            if (row := said.get(pair)) is None:
                said[pair] = _Said(link, seen, seen.times, seen.first_at, seen.last_at)
            else:
                if link.proven and not row.link.proven:
                    row.link, row.seen = link, seen
                row.times += seen.times
                row.first_at = min(row.first_at, seen.first_at)
                row.last_at = max(row.last_at, seen.last_at)
    rows = said.values()
    refusals = [row.link.refusal for row in rows]
    await connection.execute(
        queries.note_links,
        workspace_id,
        [pair[0] for pair in said],
        [pair[1] for pair in said],
        ["ACCEPTED" if refusal is None else "REFUSED" for refusal in refusals],
        [_rule(row) for row in rows],
        [None if refusal is None else refusal.reason for refusal in refusals],
        [_evidence(row.seen.evidence, row.link.refusal) for row in rows],
        [row.times for row in rows],
        [row.first_at for row in rows],
        [row.last_at for row in rows],
    )


def _rule(said: _Said) -> str:
    if said.link.refusal is not None:
        return said.link.refusal.rule
    return said.seen.rule if said.link.proven else graph.PAGE


def _evidence(event: Event, refusal: graph.Refusal | None) -> str:
    evidence = {"messageId": event.message_id, "type": event.type, "source": event.source}
    if refusal is not None and refusal.by is not None:
        evidence["plugin"] = refusal.by
    return _encoder.encode(evidence).decode()


def _resolution(
    decision: graph.Decision,
    node_ids: Mapping[Identifier, NodeId],
    born: Mapping[Identifier, tuple[NodeId, ProfileId]],
    strongest: Sequence[Identifier],
) -> Resolution:
    profile_of: dict[NodeId, ProfileId] = {}
    for identifier, component in decision.component_of.items():
        made = born.get(identifier)
        profile_of[node_ids[identifier]] = ProfileId(component) if made is None else made[1]
    node_of = [node_ids[identifier] for identifier in strongest]
    touched = {profile_of[node_id] for node_id in node_of}
    touched.update(profile_id for _, profile_id in born.values())
    anew = set(decision.merged.values())
    touched |= anew
    return Resolution(
        node_of=node_of,
        profile_of=profile_of,
        new_nodes=[(node_id, identifier) for identifier, (node_id, _) in born.items()],
        born={
            profile_id
            for identifier, (_, profile_id) in born.items()
            if decision.component_of[identifier] < 0
        },
        touched=touched,
        anew=anew,
        gone=frozenset(decision.merged),
    )
