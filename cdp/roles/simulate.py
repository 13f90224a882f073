"""What would change if a resolver were turned on or off, or set otherwise: tried on real people, nothing written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from cdp.db.pool import Connection, Database
from cdp.errors import BadInput
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Outcome
from cdp.lenses.read import membership_facts
from cdp.model import (
    Evidence,
    MembershipFacts,
    PluginState,
    ProfileId,
    RoleContribution,
    Workspace,
    WorkspaceId,
)
from cdp.roles.combine import Said, Verdict, combine
from cdp.roles.decide import Place, in_force
from cdp.roles.explain import queries, words

CHUNK = 200
"""People that are asked about together."""


class Supposition(Struct, frozen=True, kw_only=True):
    """What is supposed of one plugin."""

    plugin: str
    enabled: bool | None = None
    """None: as it is."""
    settings: Mapping[str, Any] = {}
    """What would be set, by name; None takes the default."""


class RoleCount(Struct, kw_only=True):
    """What would become of one role, counted over memberships."""

    role: str
    before: int = 0
    """How many hold it."""
    after: int = 0
    """How many would."""
    gained: int = 0
    lost: int = 0
    surer: int = 0
    less_sure: int = 0


class Example(Struct, frozen=True, kw_only=True):
    """One role of one membership that would change."""

    place: Place
    role: str
    before: float | None
    """Confidence; None: not held."""
    after: float | None
    evidence: tuple[Evidence, ...]
    """What the plugin would say for it, or, where it would say nothing, what it says now."""
    explanation: str
    """How it would be decided."""


class Simulation(Struct, frozen=True, kw_only=True):
    """What would change, as far as was looked."""

    people: int
    """How many there are."""
    examined: int
    """Of how many it was worked out."""
    memberships: int
    changed: int
    """Memberships in which a role would begin, end, or be believed more or less."""
    failed: int
    """Memberships of which the plugin could not be asked; they are left out."""
    roles: tuple[RoleCount, ...]
    """Those that would change, by name."""
    examples: tuple[Example, ...]
    """The largest changes first."""


def suppose(workspace: Workspace, plugins: Plugins, what: Supposition) -> Workspace:
    """The workspace as it would be.

    Raises:
        BadInput: there is no such plugin, or the settings do not fit.
    """
    if what.plugin not in {one.name for one in plugins.health() if one.loaded}:
        raise BadInput(f"No plugin {what.plugin!r} is loaded.", field=("plugin",))
    state = workspace.plugins.get(what.plugin, PluginState())
    enabled = not plugins.calls.is_off(what.plugin, workspace) if what.enabled is None else what.enabled
    if what.settings:
        settings, secrets = plugins.settings.changed(what.plugin, state, what.settings)
        state = structs.replace(state, settings=settings, secrets=secrets)
    listed = [name for name in workspace.settings.disabled_plugins if name != what.plugin or not enabled]
    return structs.replace(
        workspace,
        plugins={**workspace.plugins, what.plugin: structs.replace(state, enabled=enabled)},
        settings=structs.replace(workspace.settings, disabled_plugins=tuple(listed)),
    )


async def simulate(
    database: Database,
    workspace: Workspace,
    plugins: Plugins,
    what: Supposition,
    *,
    most: int,
    examples: int,
    now: datetime,
    told: Callable[[int, int], None] = lambda _done, _of: None,
) -> Simulation:
    """Resolve roles as the workspace has it and as it is supposed, and compare.

    Args:
        database: the pool.
        workspace: as it is.
        plugins: those of this process; the one in question is asked twice, the others once.
        what: is supposed.
        most: people to look at; where there are more, a sample that is spread evenly.
        examples: how many to give.
        now: the moment of the facts.
        told: how far it has come: people looked at, and of how many.

    Raises:
        BadInput: there is no such plugin, or the settings do not fit.
        Unavailable: the database is away.
    """
    supposed = suppose(workspace, plugins, what)
    async with database.connection(workspace.workspace_id) as connection:
        people = await connection.fetchval(queries.people, workspace.workspace_id)
        sample = await _sample(connection, workspace.workspace_id, people, most)
    counts: dict[str, RoleCount] = {}
    found: list[Example] = []
    memberships = changed = failed = done = 0
    async for chunk, facts, spoken in _read(database, workspace, sample, now):
        places = list(facts)
        before = await plugins.resolve_roles(list(facts.values()), workspace=workspace)
        others = {one.name for one in plugins.health()} - {what.plugin}
        after = await plugins.resolve_roles(list(facts.values()), workspace=supposed, disabled=others)
        for place, is_, would_be in zip(places, before, after, strict=True):
            if _failed(is_.get(what.plugin)) or _failed(would_be.get(what.plugin)):
                failed += 1
                continue
            memberships += 1
            rest = {plugin: said for plugin, said in is_.items() if plugin != what.plugin}
            old = _verdicts(is_, spoken.get(place, ()), now)
            new = _verdicts({**rest, **would_be}, spoken.get(place, ()), now)
            different = _compare(place, what.plugin, old, new, counts)
            changed += bool(different)
            found += different
        done += len(chunk)
        found = sorted(found, key=_largest)[:examples]
        told(done, len(sample))
    return Simulation(
        people=people,
        examined=len(sample),
        memberships=memberships,
        changed=changed,
        failed=failed,
        roles=tuple(
            count
            for _, count in sorted(counts.items())
            if count.gained or count.lost or count.surer or count.less_sure
        ),
        examples=tuple(found),
    )


async def _sample(
    connection: Connection, workspace_id: WorkspaceId, people: int, most: int
) -> list[ProfileId]:
    rows = (
        await connection.fetch(queries.everybody, workspace_id)
        if people <= most
        else await connection.fetch(queries.sample, workspace_id, most)
    )
    return [ProfileId(row["profile_id"]) for row in rows]


async def _read(
    database: Database, workspace: Workspace, sample: Sequence[ProfileId], now: datetime
) -> AsyncIterator[tuple[Sequence[ProfileId], dict[Place, MembershipFacts], dict[Place, list[Said]]]]:
    for start in range(0, len(sample), CHUNK):
        chunk = sample[start : start + CHUNK]
        async with database.transaction(
            workspace.workspace_id, isolation="repeatable_read", readonly=True
        ) as connection:
            facts = await membership_facts(connection, workspace, chunk, now)
            facts = {place: one for place, one in facts.items() if one.until is None or one.until > now}
            spoken = await words(connection, workspace.workspace_id, list(facts))
        yield chunk, facts, spoken


def _failed(outcome: Outcome[object] | None) -> bool:
    return outcome is not None and not isinstance(outcome, Answered)


def _verdicts(
    said: Mapping[str, Outcome[tuple[RoleContribution, ...]]], spoken: Sequence[Said], now: datetime
) -> dict[str, Verdict]:
    claims = [
        Said(
            role=one.role,
            source=plugin,
            confidence=one.confidence,
            evidence=one.evidence,
            since=min(one.since or now, now),
            until=one.until,
        )
        for plugin, outcome in said.items()
        for one in in_force(outcome, now)
    ]
    return {verdict.role: verdict for verdict in combine([*claims, *spoken], as_of=now)}


def _compare(
    place: Place,
    plugin: str,
    old: Mapping[str, Verdict],
    new: Mapping[str, Verdict],
    counts: dict[str, RoleCount],
) -> list[Example]:
    """What differs in one membership; it is counted too."""
    different = []
    for role in sorted({*old, *new}):
        before, after = (one[role].confidence if role in one else None for one in (old, new))
        count = counts.setdefault(role, RoleCount(role=role))
        count.before += before is not None
        count.after += after is not None
        if before == after:
            continue
        count.gained += before is None
        count.lost += after is None
        count.surer += before is not None and after is not None and after > before
        count.less_sure += before is not None and after is not None and after < before
        evidence = _evidence_of(plugin, new.get(role)) or _evidence_of(plugin, old.get(role))
        explanation = new[role].explanation if role in new else "Nobody would claim it."
        different.append(
            Example(
                place=place,
                role=role,
                before=before,
                after=after,
                evidence=evidence,
                explanation=explanation,
            )
        )
    return different


def _evidence_of(plugin: str, verdict: Verdict | None) -> tuple[Evidence, ...]:
    claims = () if verdict is None else verdict.claims
    return next((one.said.evidence for one in claims if one.said.source == plugin), ())


def _largest(one: Example) -> tuple[float, Place, str]:
    return -abs((one.before or 0.0) - (one.after or 0.0)), one.place, one.role
