"""Telling plugins what changed: some of what waits for one plugin in one workspace, one person's changes in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from cdp.changes.note import queries
from cdp.changes.portrait import About
from cdp.db.pool import Connection, Database
from cdp.hooks.health import FailureKind
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed, Outcome
from cdp.model import (
    Change,
    Lens,
    Measured,
    MembershipChange,
    MembershipState,
    ProfileChange,
    ProfileId,
    ProfileState,
    RoleChange,
    RoleState,
    StageChange,
    Workspace,
    WorkspaceId,
)
from cdp.telemetry import count, stage

ATTEMPTS = 15
"""A change that the plugin failed to take so often is left to a person: after about four hours and a half."""
LONGEST_WAIT = timedelta(hours=1)
LEASE_SECONDS = 60.0
"""After this another worker takes over; a round of calls ends well before."""
BUDGET_SECONDS = 20.0
NOT_TRIED = timedelta(seconds=5)
"""What was not tried, because the plugin is left alone or its threads hang, waits so long."""
_ERROR_LENGTH = 500


class Held(Struct, frozen=True, kw_only=True):
    """A change that this process may tell while its lease lasts."""

    delivery_id: int
    profile_id: ProfileId
    hook: str
    version: int
    attempts: int
    after: str | None
    change: Change


class Round(Struct, frozen=True, kw_only=True):
    """What became of one round."""

    taken: int = 0
    told: int = 0
    failed: int = 0
    dead: int = 0


async def deliver_some(
    database: Database,
    plugins: Plugins,
    workspace: Workspace,
    plugin: str,
    *,
    clock: Callable[[], datetime],
    limit: int = 100,
    lease: float = LEASE_SECONDS,
) -> Round:
    """Tell one plugin what is due in one workspace; at least once, each person's changes in order.

    Where one fails, what comes after it of the same person waits with it.

    Raises:
        Unavailable: the database is away; what was told meanwhile is told again when the lease is over.
    """
    token = uuid4()
    held = await _claim(database, workspace.workspace_id, plugin, token, clock(), limit=limit, lease=lease)
    if not held:
        return Round()
    with stage("changes.tell", links=(), plugin=plugin, changes=len(held)):
        outcomes = await _tell(plugins, workspace, plugin, held)
    done = await _finish(database, workspace.workspace_id, token, held, outcomes=outcomes, now=clock())
    for outcome, number in (("told", done.told), ("failed", done.failed), ("dead", done.dead)):
        if number:
            count("changes.delivered", plugin, outcome, by=number)
    return done


async def _claim(
    database: Database,
    workspace_id: WorkspaceId,
    plugin: str,
    token: UUID,
    now: datetime,
    *,
    limit: int,
    lease: float,
) -> list[Held]:
    async with database.transaction(workspace_id) as connection:
        await connection.execute(queries.turn, workspace_id, plugin)
        rows = await connection.fetch(queries.claim, workspace_id, plugin, now, limit, lease, token)
    return [
        Held(
            delivery_id=row["delivery_id"],
            profile_id=ProfileId(row["profile_id"]),
            hook=row["hook"],
            version=row["version"],
            attempts=row["attempts"],
            after=row["after"],
            change=_change(row),
        )
        for row in sorted(rows, key=lambda row: row["delivery_id"])
    ]


async def _tell(
    plugins: Plugins, workspace: Workspace, plugin: str, held: Sequence[Held]
) -> Mapping[int, Outcome[None]]:
    """Everybody's first change, then the second of those whose first was taken, and so on."""
    outcomes: dict[int, Outcome[None]] = {}
    waiting: dict[ProfileId, list[Held]] = {}
    for one in held:
        waiting.setdefault(one.profile_id, []).append(one)
    while waiting:
        first = [of_person[0] for of_person in waiting.values()]
        for hook in sorted({one.hook for one in first}):
            batch = [one for one in first if one.hook == hook]
            answers = await plugins.calls.union(
                hook,
                [one.change for one in batch],
                _nothing,
                only=plugin,
                workspace=workspace,
                budget=BUDGET_SECONDS,
            )
            for one, answer in zip(batch, answers, strict=True):
                off = Failed(FailureKind.SKIPPED, "the plugin is off in this workspace")
                outcomes[one.delivery_id] = answer.get(plugin, off)
        waiting = {
            profile_id: of_person[1:]
            for profile_id, of_person in waiting.items()
            if len(of_person) > 1 and isinstance(outcomes[of_person[0].delivery_id], Answered)
        }
    return outcomes


async def _finish(
    database: Database,
    workspace_id: WorkspaceId,
    token: UUID,
    held: Sequence[Held],
    *,
    outcomes: Mapping[int, Outcome[None]],
    now: datetime,
) -> Round:
    told = [one for one in held if isinstance(outcomes.get(one.delivery_id), Answered)]
    rest = [one for one in held if not isinstance(outcomes.get(one.delivery_id), Answered)]
    errors = {one.delivery_id: _error(outcomes.get(one.delivery_id)) for one in rest}
    async with database.transaction(workspace_id) as connection:
        await _note_told(connection, workspace_id, token, told, now)
        if rest:
            await connection.execute(
                queries.failed,
                workspace_id,
                [one.delivery_id for one in rest],
                [_due(one, errors[one.delivery_id], now) for one in rest],
                [errors[one.delivery_id] for one in rest],
                token,
                now,
                ATTEMPTS,
            )
    failed = [one for one in rest if errors[one.delivery_id] is not None]
    return Round(
        taken=len(told) + len(rest),
        told=len(told),
        failed=len(failed),
        dead=sum(one.attempts + 1 >= ATTEMPTS for one in failed),
    )


async def _note_told(
    connection: Connection, workspace_id: WorkspaceId, token: UUID, told: Sequence[Held], now: datetime
) -> None:
    if told:
        ids, versions = [one.delivery_id for one in told], [one.version for one in told]
        await connection.execute(
            queries.told, workspace_id, ids, versions, [one.after for one in told], token, now
        )


def _due(one: Held, error: str | None, now: datetime) -> datetime:
    if error is None:
        return now + NOT_TRIED
    return now + min(LONGEST_WAIT, timedelta(seconds=2 ** min(one.attempts + 1, 12)))


def _error(outcome: Outcome[None] | None) -> str | None:
    """Why the plugin did not take it; None: it was not tried."""
    if isinstance(outcome, Failed) and outcome.kind is not FailureKind.SKIPPED:
        return outcome.error[:_ERROR_LENGTH]
    return None


def _nothing(_request: object, _answer: object) -> None:
    """What a plugin that is told something returns has no meaning."""


def _profile(given: dict[str, Any], about: About, before: str | None, after: str | None) -> Change:
    return ProfileChange(
        **given,
        before=_decode(before, ProfileState),
        after=_decode(after, ProfileState),
        merged_into=about.merged_into,
    )


def _membership(given: dict[str, Any], about: About, before: str | None, after: str | None) -> Change:
    assert about.account is not None
    return MembershipChange(
        **given,
        account=about.account,
        before=_decode(before, MembershipState),
        after=_decode(after, MembershipState),
    )


def _role(given: dict[str, Any], about: About, before: str | None, after: str | None) -> Change:
    assert about.role is not None
    return RoleChange(
        **given,
        account=about.account,
        role=about.role,
        before=_decode(before, RoleState),
        after=_decode(after, RoleState),
    )


def _stage(given: dict[str, Any], about: About, before: str | None, after: str | None) -> Change:
    assert about.measured is not None
    lens = Lens.USAGE if about.measured is Measured.PHASE else Lens.INTENT
    return StageChange(
        **given,
        account=about.account,
        measured=about.measured,
        lens=lens,
        before=_decode(before, str),
        after=_decode(after, str),
        labels=frozenset({lens.value.lower()}),
    )


_MAKERS = MappingProxyType(
    {
        "on_profile_changed": _profile,
        "on_membership_changed": _membership,
        "on_role_changed": _role,
        "on_stage_changed": _stage,
    }
)
HOOKS = tuple(_MAKERS)
"""The hooks that tell of changes."""


def _change(row: Mapping[str, Any]) -> Change:
    about = msgspec.json.decode(row["about"], type=About)
    given = {
        "delivery_id": f"{row['delivery_id']}-{row['version']}",
        "person": about.person,
        "noted_at": row["noted_at"],
    }
    return _MAKERS[row["hook"]](given, about, row["before"], row["after"])


def _decode(text: str | None, kind: type[Any]) -> Any:
    return None if text is None else msgspec.json.decode(text, type=kind)
