"""Settling some profiles of one workspace: read, ask the plugins, write.

In that order, so that no connection is held while a plugin is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import stamina
from msgspec import Struct

from cdp import changes, enrichment, roles
from cdp.changes.portrait import HeldRole
from cdp.db.pool import Connection, Database
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.identity.store import RETRYABLE
from cdp.lenses.read import membership_facts
from cdp.live.changes import note_settled
from cdp.model import (
    AccountId,
    MembershipFacts,
    ProfileId,
    Subject,
    Workspace,
    WorkspaceId,
)
from cdp.roles.decide import Answers as RoleAnswers
from cdp.roles.decide import Place
from cdp.roles.scores import Scores
from cdp.settle import queue
from cdp.settle.queue import Held
from cdp.telemetry import stage

PLUGIN_ATTEMPTS = 10
"""A profile that only a failing plugin holds up is given up after so many; the next event about it tries again."""


class _Findings(Struct, frozen=True, kw_only=True):
    """What the plugins said about the profiles, and about what."""

    memberships: Mapping[Place, MembershipFacts]
    """Those that have not ended, of which was asked."""
    roles: RoleAnswers
    scores: Scores

    def ends(self) -> Iterator[tuple[ProfileId, datetime]]:
        """When what was said is over by its own word."""
        said = [*self.roles.items(), *(one for panel in self.scores.values() for one in panel.items())]
        for place, of_plugins in said:
            for outcome in of_plugins.values():
                if isinstance(outcome, Answered):
                    yield from ((place[0], one.until) for one in outcome.value if one.until is not None)

    def incomplete(self) -> set[ProfileId]:
        """People about whom some plugin failed to answer."""
        asked = [*self.roles.items(), *(one for panel in self.scores.values() for one in panel.items())]
        return {place[0] for place, said in asked if _any_failed(said)}


async def settle(
    database: Database,
    workspace: Workspace,
    plugins: Plugins,
    token: UUID,
    held: Sequence[Held],
    *,
    now: datetime,
    listening_since: datetime | None = None,
) -> None:
    """Resolve the roles of these profiles, and have them enriched; whom a failing plugin was not done with stays due.

    Raises:
        Unavailable: the database is away; nothing was written.
    """
    profile_ids = [one.profile_id for one in held]
    async with database.transaction(
        workspace.workspace_id, isolation="repeatable_read", readonly=True
    ) as connection:
        with stage("settle.read"):
            memberships = await membership_facts(connection, workspace, profile_ids, now)
    current = {
        place: facts for place, facts in memberships.items() if facts.until is None or facts.until > now
    }
    with stage("settle.ask"):
        said, scores = await asyncio.gather(
            plugins.resolve_roles(list(current.values()), workspace=workspace),
            roles.ask_scores(plugins, workspace, current),
        )
    findings = _Findings(memberships=current, roles=dict(zip(current, said, strict=True)), scores=scores)
    providers = {
        subject: [one.name for one in enrichment.sources_of(plugins, workspace, subject)]
        for subject in Subject
    }
    async for attempt in stamina.retry_context(on=RETRYABLE, attempts=5, timeout=10.0, wait_initial=0.01):
        with attempt, stage("settle.write"):
            async with database.transaction(workspace.workspace_id) as connection:
                ours = await queue.hold(connection, workspace.workspace_id, token, held)
                await _write(
                    connection, workspace.workspace_id, ours, findings, kept=plugins.left_out(), now=now
                )
                settled = [one.profile_id for one in ours]
                await enrichment.note(connection, workspace.workspace_id, settled, providers, now=now)
                if listeners := _listeners(plugins, workspace):
                    ids = {one.profile_id for one in ours}
                    mine = {place: facts for place, facts in memberships.items() if place[0] in ids}
                    since = listening_since or now
                    await _note_changes(connection, workspace, mine, listeners, since=since, now=now)
                await _let_go(connection, workspace.workspace_id, token, ours, findings.incomplete(), now=now)
                await note_settled(connection, workspace.workspace_id, settled)


async def _write(
    connection: Connection,
    workspace_id: WorkspaceId,
    ours: Sequence[Held],
    findings: _Findings,
    *,
    kept: Collection[str],
    now: datetime,
) -> None:
    ids = {one.profile_id for one in ours}
    await roles.apply(
        connection,
        workspace_id,
        sorted(ids),
        {place: said for place, said in findings.roles.items() if place[0] in ids},
        kept=kept,
        now=now,
    )
    await roles.apply_scores(
        connection,
        workspace_id,
        sorted(ids),
        {
            panel: {place: said for place, said in of_places.items() if place[0] in ids}
            for panel, of_places in findings.scores.items()
        },
        {place for place in findings.roles if place[0] in ids},
        kept=kept,
        now=now,
    )
    ends = [one for one in findings.ends() if one[0] in ids]
    await roles.note_due(connection, workspace_id, sorted(ids), ends, now=now)
    facts = [facts for place, facts in findings.memberships.items() if place[0] in ids]
    await roles.note_accounts(connection, workspace_id, facts, now=now)


def _listeners(plugins: Plugins, workspace: Workspace) -> dict[str, list[str]]:
    """For each hook that tells of changes, who is to be told; empty: nobody wants to know."""
    asked = {hook: plugins.calls.asked(hook, workspace) for hook in changes.HOOKS}
    return {hook: [one.plugin for one in found] for hook, found in asked.items() if found}


async def _note_changes(
    connection: Connection,
    workspace: Workspace,
    memberships: Mapping[tuple[ProfileId, AccountId], MembershipFacts],
    listeners: Mapping[str, Collection[str]],
    *,
    since: datetime,
    now: datetime,
) -> None:
    with stage("settle.compare"):
        current = await roles.current_roles(connection, workspace.workspace_id, list(memberships), as_of=now)
        people: dict[ProfileId, list[MembershipFacts]] = {}
        held: dict[ProfileId, list[HeldRole]] = {}
        for (profile_id, account_id), facts in memberships.items():
            people.setdefault(profile_id, []).append(facts)
            held.setdefault(profile_id, []).extend(
                HeldRole(account_id=account_id, role=one.role, source=one.source, confidence=one.confidence)
                for one in current.get((profile_id, account_id), ())
            )
        portraits = {
            profile_id: changes.Drawn(
                portrait=changes.portray(of_person[0].profile, of_person, held[profile_id]),
                fades_at=changes.fades_at([of_person[0].profile, *of_person], workspace.settings),
            )
            for profile_id, of_person in people.items()
        }
        await changes.note(connection, workspace.workspace_id, portraits, listeners, since=since, now=now)


async def _let_go(
    connection: Connection,
    workspace_id: WorkspaceId,
    token: UUID,
    ours: Sequence[Held],
    incomplete: Collection[ProfileId],
    *,
    now: datetime,
) -> None:
    again = [one for one in ours if one.profile_id in incomplete and one.attempts < PLUGIN_ATTEMPTS]
    await queue.finish(connection, workspace_id, token, [one for one in ours if one not in again])
    await queue.postpone(connection, workspace_id, token, again, now=now)


def _any_failed(said: Mapping[str, Outcome[object]]) -> bool:
    return any(isinstance(outcome, Failed) for outcome in said.values())
