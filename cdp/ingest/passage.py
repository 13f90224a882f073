"""The way of events past the plugins, between being read and being stored; outside of any transaction.

In this order: may they be used at all (`guard_consent`); what should they be (`transform_event`); what of them must not
be stored (`guard_event`); and then, of what will be stored, as what it counts (`classify_event`), where it happened
(`resolve_account`) and what it does not link (`register_identity_rules`, `veto_link`). What comes together is
asked about together: one call for each plugin and hook.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct, structs

from cdp.db.pool import Database
from cdp.hooks.health import FailureKind
from cdp.hooks.implementation import Implementation
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered, Failed
from cdp.identity.kinds import ANONYMOUS_ID, USER_ID, Kinds
from cdp.identity.rules import Rules
from cdp.ingest import consents
from cdp.ingest.answers import Checks, none_is_nothing
from cdp.ingest.results import Remark
from cdp.model import (
    AccountClaim,
    AccountRef,
    Batch,
    ConsentQuestion,
    Event,
    EventType,
    Identifier,
    LinkCandidate,
    LinkVeto,
    Purpose,
    Redacted,
    Withheld,
    Workspace,
)
from cdp.telemetry import stage

T = TypeVar("T")
A = TypeVar("A")

GUARDS = ("guard_consent", "guard_event")
"""Where somebody implements these, nothing is kept as it came."""
HOOKS = (
    *GUARDS,
    "transform_event",
    "classify_event",
    "resolve_account",
    "veto_link",
    "register_identity_rules",
)

NOT_KEPT = frozenset({"NO_CONSENT", "WITHHELD"})
"""Codes of refused events of which nothing may be kept."""

BUDGET = 4.0
"""Seconds after which a plugin is asked no further about what came together: its sender waits for ten at most."""

NOTES = "diptych"
"""Key of an event's context under which is kept what plugins made of it."""


class Turned(Struct, frozen=True, kw_only=True):
    """An event that was not let pass."""

    code: str
    """`NO_CONSENT`, `WITHHELD`, or `HELD`: a guard could not be asked."""
    message: str


class Passed(Struct, frozen=True, kw_only=True):
    """An event as it may be stored."""

    event: Event
    remarks: tuple[Remark, ...] = ()


class _Way(Struct, kw_only=True):
    """An event on its way."""

    event: Event
    turned: Turned | None = None
    notes: dict[str, Any] = {}
    redacted: dict[str, dict[str, int]] = {}


class Passage:
    """Leads events past the plugins of one process.

    Args:
        plugins: who is asked.
        kinds: identifier kinds, for identifiers that plugins change.
        database: where the consent of known people is looked up.
    """

    def __init__(self, plugins: Plugins, kinds: Kinds, database: Database) -> None:
        self._plugins = plugins
        self._calls = plugins.calls
        self._kinds = kinds
        self._database = database
        self._rules = Rules(plugins)

    def concerns(self, workspace: Workspace) -> bool:
        """Whether any plugin has a say here; where none has, nothing else need be done."""
        implementing = self._calls.implementing
        return any(getattr(implementing, hook) and self._calls.asked(hook, workspace) for hook in HOOKS)

    def guarded(self, workspace: Workspace) -> bool:
        """Whether a plugin guards the workspace's events, so that nothing may be kept as it came."""
        return any(self._calls.asked(hook, workspace) for hook in GUARDS)

    async def take(
        self, workspace: Workspace, events: Sequence[Event], now: datetime
    ) -> list[Passed | Turned]:
        """What becomes of each event.

        Raises:
            Unavailable: the database is away.
        """
        ways = [_Way(event=event) for event in events]
        checks = Checks(self._kinds, workspace)
        with stage("ingest.plugins", events=len(events)):
            await self._ask_consent(workspace, ways, checks, now)
            await self._transform(workspace, ways, checks)
            await self._guard(workspace, ways, checks)
            left = [way for way in ways if way.turned is None]
            await asyncio.gather(
                self._classify(workspace, left, checks),
                self._resolve_accounts(workspace, left, checks),
                self._veto(workspace, left, checks),
            )
        return [way.turned or _passed(way) for way in ways]

    async def _ask_consent(
        self, workspace: Workspace, ways: Sequence[_Way], checks: Checks, now: datetime
    ) -> None:
        asked = self._calls.asked("guard_consent", workspace)
        if not asked:
            return
        known = await consents.known(self._database, workspace.workspace_id, [way.event for way in ways])
        questions = [
            ConsentQuestion(
                purpose=Purpose.ANALYTICS,
                identifiers=way.event.identifiers,
                said=consents.said(way.event),
                known=person,
                as_of=now,
            )
            for way, person in zip(ways, known, strict=True)
        ]
        for one in asked:
            due = [index for index, way in enumerate(ways) if way.turned is None]
            answers = await self._one(one, [questions[index] for index in due], checks.reasons, workspace)
            for index, answer in zip(due, answers, strict=True):
                if isinstance(answer, Failed):
                    ways[index].turned = _held(one.plugin)
                elif answer is not None:
                    ways[index].turned = Turned(code="NO_CONSENT", message=answer)

    async def _transform(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        for one in self._calls.asked("transform_event", workspace):
            left = [way for way in ways if way.turned is None]
            answers = await self._one(one, [way.event for way in left], checks.events, workspace)
            for way, answer in zip(left, answers, strict=True):
                if isinstance(answer, Event):
                    way.event = answer

    async def _guard(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        for one in self._calls.asked("guard_event", workspace):
            left = [way for way in ways if way.turned is None]
            answers = await self._one(one, [way.event for way in left], checks.verdicts, workspace)
            for way, answer in zip(left, answers, strict=True):
                match answer:
                    case Failed():
                        way.turned = _held(one.plugin)
                    case Withheld():
                        way.turned = Turned(code="WITHHELD", message=answer.reason)
                    case Redacted():
                        way.event = answer.event
                        way.redacted = {**way.redacted, one.plugin: answer.found}

    async def _classify(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        answers = await self._all(
            "classify_event", workspace, [way.event for way in ways], checks.classifications
        )
        for way, answer in zip(ways, answers, strict=True):
            if answer:
                plugin, classification = answer[0]
                way.notes = {
                    **way.notes,
                    "countsAs": classification.counts_as,
                    "classification": {"by": plugin, "reason": classification.reason},
                }

    async def _resolve_accounts(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        homeless = [way for way in ways if way.event.account is None]
        answers = await self._all(
            "resolve_account", workspace, [way.event for way in homeless], checks.claims
        )
        for way, answer in zip(homeless, answers, strict=True):
            if answer:
                plugin, claim = max(answer, key=lambda one: one[1].confidence)
                way.event = structs.replace(way.event, account=_account(claim))
                way.notes = {
                    **way.notes,
                    "account": {
                        "by": plugin,
                        "groupId": claim.group_id,
                        "domain": claim.domain,
                        "member": claim.member,
                        "confidence": claim.confidence,
                        "reason": claim.reason,
                    },
                }

    async def _veto(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        rules = self._rules.of(workspace)
        asked = self._calls.asked("veto_link", workspace)
        if not rules and not asked:
            return
        pairs = [_pairs(way.event) for way in ways]
        links = list(dict.fromkeys(link for some in pairs for link in some))
        vetoes: dict[LinkCandidate, LinkVeto] = {}
        for link in links:
            if (found := rules.veto(link)) is not None:
                vetoes[link] = found
        open_ = [link for link in links if link not in vetoes]
        for link, answer in zip(
            open_, await self._all("veto_link", workspace, open_, checks.reasons), strict=True
        ):
            if answer:
                plugin, why = answer[0]
                vetoes[link] = LinkVeto(link.one, link.other, why, plugin)
        if vetoes:
            for way, some in zip(ways, pairs, strict=True):
                if found_here := tuple(vetoes[link] for link in some if link in vetoes):
                    way.event = structs.replace(way.event, vetoes=found_here)

    async def _all(
        self,
        hook: str,
        workspace: Workspace,
        items: Sequence[T],
        check: Callable[[Batch[T], object], dict[int, A]],
    ) -> list[list[tuple[str, A]]]:
        """For each item what each plugin said about it, in calling order; all plugins at once."""
        asked = self._calls.asked(hook, workspace)
        columns = await asyncio.gather(*(self._one(one, items, check, workspace) for one in asked))
        return [
            [
                (one.plugin, answer)
                for one, column in zip(asked, columns, strict=True)
                if (answer := column[index]) is not None and not isinstance(answer, Failed)
            ]
            for index in range(len(items))
        ]

    async def _one(
        self,
        one: Implementation,
        items: Sequence[T],
        check: Callable[[Batch[T], object], dict[int, A]],
        workspace: Workspace,
    ) -> list[A | Failed | None]:
        """What one plugin says about each item; None: nothing.

        Where it fails about several, they are halved until it is known about which.
        """
        answers: list[A | Failed | None] = [None] * len(items)
        until = time.monotonic() + BUDGET
        parts = [range(len(items))] if items else []
        while parts:
            outcomes = await self._calls.union(
                one.hook,
                [Batch(tuple(items[index] for index in part)) for part in parts],
                none_is_nothing(check),
                wanted=lambda plugin, _: plugin == one.plugin,
                workspace=workspace,
                budget=max(0.0, until - time.monotonic()),
            )
            again: list[range] = []
            for part, outcome in zip(parts, outcomes, strict=True):
                match outcome.get(one.plugin):
                    case Answered(said):
                        for index, answer in said.items():
                            answers[part[index]] = answer
                    case Failed(kind) if len(part) > 1 and kind in _OF_AN_ITEM:
                        middle = len(part) // 2
                        again += [part[:middle], part[middle:]]
                    case Failed() as failed:
                        for index in part:
                            answers[index] = failed
            parts = again
        return answers


_OF_AN_ITEM = (FailureKind.RAISED, FailureKind.REFUSED)
"""Failures that one item may cause."""


def _pairs(event: Event) -> tuple[LinkCandidate, ...]:
    """The pairs of identifiers that an event may link, the stronger first."""
    identifiers = event.identifiers
    if event.type is EventType.ALIAS:
        # A previous id is a user's where a user of that id is known; that is seen only later.
        identifiers += tuple(
            Identifier(USER_ID, one.value) for one in identifiers if one.kind == ANONYMOUS_ID
        )
    return tuple(
        LinkCandidate(one, other)
        for index, one in enumerate(identifiers)
        for other in identifiers[index + 1 :]
    )


def _account(claim: AccountClaim) -> AccountRef:
    return AccountRef(group_id=claim.group_id or "", domain=claim.domain, member=claim.member)


def _held(plugin: str) -> Turned:
    return Turned(
        code="HELD",
        message=f"The plugin {plugin} could not look at the event; it is not stored, and can be replayed.",
    )


def _passed(way: _Way) -> Passed:
    notes: Mapping[str, Any] = {**way.notes, "redacted": way.redacted} if way.redacted else way.notes
    event = way.event
    if notes:
        event = structs.replace(event, context={**event.context, NOTES: notes})
    return Passed(event=event, remarks=tuple(_remarks(way.redacted)))


def _remarks(redacted: Mapping[str, Mapping[str, int]]) -> Iterable[Remark]:
    for plugin, found in redacted.items():
        what = ", ".join(f"{name} ({times})" for name, times in found.items())
        yield Remark(code="REDACTED", message=f"The plugin {plugin} took out: {what or 'some of it'}.")
