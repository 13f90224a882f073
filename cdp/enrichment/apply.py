"""Asking providers when it is due, and writing down what they answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.hooks.outcomes import Answered, Outcome
from cdp.model import EnrichedTrait, Identifier, NodeId, ProfileId, WorkspaceId

_queries = load_queries("cdp.enrichment", "store.sql")

ASK_AGAIN = timedelta(days=30)
"""A provider that gives no `expires_at`, or found nothing, is asked again after this."""

Answers: TypeAlias = Mapping[ProfileId, Mapping[str, Outcome[tuple[EnrichedTrait, ...]]]]
"""Per person, what each provider that was asked said."""


class Asking(Struct, frozen=True, kw_only=True):
    """A person's identifiers, and which providers need not be asked about them."""

    nodes: dict[Identifier, NodeId]
    fresh: frozenset[str]
    """Providers whose answers about all of them are still good."""


async def load(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Sequence[ProfileId], *, now: datetime
) -> dict[ProfileId, Asking]:
    """Whom to ask about each of these people."""
    rows = await connection.fetch(_queries.load_nodes, workspace_id, profile_ids, now)
    nodes: dict[ProfileId, dict[Identifier, NodeId]] = {}
    fresh: dict[ProfileId, frozenset[str]] = {}
    for row in rows:
        profile_id = ProfileId(row["profile_id"])
        nodes.setdefault(profile_id, {})[Identifier(row["kind"], row["value"])] = NodeId(row["node_id"])
        providers = frozenset(row["fresh"])
        fresh[profile_id] = fresh.get(profile_id, providers) & providers
    return {profile_id: Asking(nodes=found, fresh=fresh[profile_id]) for profile_id, found in nodes.items()}


async def apply(
    connection: Connection,
    workspace_id: WorkspaceId,
    asked: Mapping[ProfileId, Asking],
    answers: Answers,
    *,
    now: datetime,
) -> int:
    """Make the stored traits agree with the answers, and note when to ask again; returns how many were given.

    A provider that failed is not in this: its earlier traits stay, and it stays due. What two providers say of the
    same trait is kept beside each other.
    """
    given: list[tuple[NodeId, str, EnrichedTrait]] = []
    pairs: list[tuple[NodeId, str, datetime]] = []
    for profile_id, said in answers.items():
        nodes = asked[profile_id].nodes
        for provider, outcome in said.items():
            if not isinstance(outcome, Answered):
                continue
            given += [(nodes[trait.about], provider, trait) for trait in outcome.value]
            pairs += [
                (node_id, provider, _due_again(identifier, outcome.value, now))
                for identifier, node_id in nodes.items()
            ]
    if pairs:
        await _write(connection, workspace_id, given, pairs, now)
    return len(given)


async def expire(
    connection: Connection, workspace_id: WorkspaceId, *, now: datetime, limit: int = 1_000
) -> int:
    """Delete traits whose time is over; how many, at most `limit`."""
    status = await connection.execute(_queries.expire_traits, workspace_id, now, limit)
    return int(status.rpartition(" ")[2])


def _due_again(identifier: Identifier, traits: Sequence[EnrichedTrait], now: datetime) -> datetime:
    expiries = [trait.expires_at for trait in traits if trait.about == identifier and trait.expires_at]
    return max(now, min(expiries)) if expiries else now + ASK_AGAIN


async def _write(
    connection: Connection,
    workspace_id: WorkspaceId,
    given: Sequence[tuple[NodeId, str, EnrichedTrait]],
    pairs: Sequence[tuple[NodeId, str, datetime]],
    now: datetime,
) -> None:
    node_ids = [node_id for node_id, _, _ in given]
    providers = [provider for _, provider, _ in given]
    keys = [trait.key for _, _, trait in given]
    asked_nodes = [node_id for node_id, _, _ in pairs]
    asked_providers = [provider for _, provider, _ in pairs]
    await connection.execute(
        _queries.remove_traits, workspace_id, asked_nodes, asked_providers, node_ids, providers, keys
    )
    await connection.execute(
        _queries.keep_traits,
        workspace_id,
        now,
        node_ids,
        providers,
        keys,
        [msgspec.json.encode(trait.value).decode() for _, _, trait in given],
        [trait.confidence for _, _, trait in given],
        [trait.cost for _, _, trait in given],
        [trait.expires_at for _, _, trait in given],
    )
    await connection.execute(
        _queries.note_asked, workspace_id, now, asked_nodes, asked_providers, [due for _, _, due in pairs]
    )
