"""The way of events past the plugins, between being read and being stored; outside of any transaction.

In this order: may they be used at all (`guard_consent`); what should they be (`transform_event`); what of them must not
be stored (`guard_event`); and then, of what will be stored, as what it counts (`classify_event`), where it happened
(`resolve_account`) and what it does not link (`register_identity_rules`, `veto_link`). What comes together is
asked about together: one call for each plugin and hook.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from msgspec import Struct, structs

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.identity.kinds import ANONYMOUS_ID, USER_ID, Kinds
from cdp.identity.rules import Rules
from cdp.ingest import consents
from cdp.ingest.answers import Checks
from cdp.ingest.results import Remark
from cdp.ingest.rounds import Asking, Check, Round
from cdp.ingest.together import Together
from cdp.lenses.catalogue import catalogue_of
from cdp.lenses.names import BEHAVIOUR
from cdp.model import (
    AccountClaim,
    AccountRef,
    Classification,
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
    WorkspaceId,
)
from cdp.telemetry import stage

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

CLEARED = 50_000
"""Identifiers of events, of one workspace, that are remembered to be free of vetoes."""

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


_Together: TypeAlias = tuple[bool, tuple[Identifier, ...]]
"""Whether an event is an alias, and its identifiers: what says which pairs it may link."""


class _Way(Struct, kw_only=True):
    """An event on its way."""

    event: Event
    now: datetime
    turned: Turned | None = None
    known: dict[str, Any] = {}
    redacted: dict[str, dict[str, int]] = {}
    classification: tuple[str, Classification] | None = None
    claim: tuple[str, AccountClaim] | None = None


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
        self._consents = consents.Known(database)
        self._rules = Rules(plugins)
        self._cleared: dict[WorkspaceId, tuple[Workspace, set[_Together]]] = {}
        self._together: dict[WorkspaceId, Together[_Way]] = {}

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
        """What becomes of each event. Requests of one workspace that come at about the same time go together.

        Raises:
            Unavailable: the database is away.
        """
        ways = [_Way(event=event, now=now) for event in events]
        together = self._together.get(workspace.workspace_id)
        if together is None:
            together = self._together[workspace.workspace_id] = Together(self._lead)
        await together.go(workspace, ways)
        return [way.turned or _passed(way) for way in ways]

    async def _lead(self, workspace: Workspace, ways: Sequence[_Way]) -> None:
        checks = Checks(self._kinds, workspace)
        with stage("ingest.plugins", events=len(ways)):
            await self._ask_consent(workspace, ways, checks)
            await self._transform(workspace, ways, checks)
            await self._guard(workspace, ways, checks)
            left = [way for way in ways if way.turned is None]
            await asyncio.gather(
                self._classify(workspace, left, checks),
                self._resolve_accounts(workspace, left, checks),
                self._veto(workspace, left, checks),
            )

    async def _ask_consent(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        if not self._calls.asked("guard_consent", workspace):
            return
        known = await self._consents.of(workspace.workspace_id, [way.event for way in ways])
        for way, person in zip(ways, known, strict=True):
            way.known = person

        def question(way: _Way) -> ConsentQuestion:
            return ConsentQuestion(
                purpose=Purpose.ANALYTICS,
                identifiers=way.event.identifiers,
                said=consents.said(way.event),
                known=way.known,
                as_of=way.now,
            )

        def said(_plugin: str, way: _Way, answer: str) -> None:
            way.turned = Turned(code="NO_CONSENT", message=answer)

        round_ = Round(left=_left(ways), item=question, said=said, failed=_hold)
        await self._ask("guard_consent", workspace, round_, checks.reasons)

    async def _transform(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        def said(_plugin: str, way: _Way, answer: Event) -> None:
            way.event = answer

        await self._ask(
            "transform_event", workspace, Round(left=_left(ways), item=_event, said=said), checks.events
        )

    async def _guard(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        def said(plugin: str, way: _Way, answer: Redacted | Withheld) -> None:
            match answer:
                case Withheld():
                    way.turned = Turned(code="WITHHELD", message=answer.reason)
                case Redacted():
                    way.event = answer.event
                    way.redacted = {**way.redacted, plugin: answer.found}

        round_ = Round(left=_left(ways), item=_event, said=said, failed=_hold)
        await self._ask("guard_event", workspace, round_, checks.verdicts)

    async def _classify(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        def said(plugin: str, way: _Way, answer: Classification) -> None:
            way.classification = (plugin, answer)

        catalogue = catalogue_of(workspace)
        unknown = [way for way in ways if way.event.type in BEHAVIOUR and not catalogue.names(way.event.name)]

        def left() -> Sequence[_Way]:
            return [way for way in unknown if way.classification is None]

        await self._ask(
            "classify_event", workspace, Round(left=left, item=_event, said=said), checks.classifications
        )

    async def _resolve_accounts(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        def said(plugin: str, way: _Way, answer: AccountClaim) -> None:
            if way.claim is None or answer.confidence > way.claim[1].confidence:
                way.claim = (plugin, answer)

        homeless = [way for way in ways if way.event.account is None]
        await self._ask(
            "resolve_account", workspace, Round(left=lambda: homeless, item=_event, said=said), checks.claims
        )
        for way in homeless:
            if way.claim is not None:
                claim = way.claim[1]
                account = AccountRef(group_id=claim.group_id or "", domain=claim.domain, member=claim.member)
                way.event = structs.replace(way.event, account=account)

    async def _veto(self, workspace: Workspace, ways: Sequence[_Way], checks: Checks) -> None:
        rules = self._rules.of(workspace)
        if not rules and not self._calls.asked("veto_link", workspace):
            return
        cleared = self._cleared_in(workspace)
        ways = [
            way
            for way in ways
            if len(way.event.identifiers) > 1 and (_is_alias(way.event), way.event.identifiers) not in cleared
        ]
        pairs = [_pairs(way.event) for way in ways]
        links = list(dict.fromkeys(itertools.chain(*pairs)))
        failed: set[LinkCandidate] = set()
        vetoes = {link: veto for link in links if (veto := rules.veto(link)) is not None}

        def said(plugin: str, link: LinkCandidate, answer: str) -> None:
            vetoes[link] = LinkVeto(link.one, link.other, answer, plugin)

        def left() -> Sequence[LinkCandidate]:
            return [link for link in links if link not in vetoes]

        round_ = Round(left=left, item=_itself, said=said, failed=lambda _, link: failed.add(link))
        await self._ask("veto_link", workspace, round_, checks.reasons)
        for way, some in zip(ways, pairs, strict=True):
            if found := tuple(vetoes[link] for link in some if link in vetoes):
                way.event = structs.replace(way.event, vetoes=found)
            elif not failed.intersection(some):
                cleared.add((_is_alias(way.event), way.event.identifiers))

    def _cleared_in(self, workspace: Workspace) -> set[_Together]:
        """What nobody has anything against, by the settings of today: it need not be asked about again."""
        version, cleared = self._cleared.get(workspace.workspace_id, (None, set()))
        if version is not workspace or len(cleared) > CLEARED:
            cleared = set()
            self._cleared[workspace.workspace_id] = (workspace, cleared)
        return cleared

    async def _ask(self, hook: str, workspace: Workspace, round_: Round[Any, Any], check: Check) -> None:
        if asked := self._calls.asked(hook, workspace):
            await Asking(self._calls, workspace, check).all(asked, round_)


def _left(ways: Sequence[_Way]) -> Callable[[], Sequence[_Way]]:
    return lambda: [way for way in ways if way.turned is None]


def _event(way: _Way) -> Event:
    return way.event


def _itself(link: LinkCandidate) -> LinkCandidate:
    return link


def _hold(plugin: str, way: _Way) -> None:
    way.turned = Turned(
        code="HELD",
        message=f"The plugin {plugin} could not look at the event; it is not stored, and can be replayed.",
    )


def _is_alias(event: Event) -> bool:
    return event.type is EventType.ALIAS


def _pairs(event: Event) -> tuple[LinkCandidate, ...]:
    """The pairs of identifiers that an event may link, the stronger first."""
    identifiers = event.identifiers
    if len(identifiers) < 2:
        return ()
    if _is_alias(event):
        # A previous id is a user's where a user of that id is known; that is seen only later.
        identifiers += tuple(
            Identifier(USER_ID, one.value) for one in identifiers if one.kind == ANONYMOUS_ID
        )
    return tuple(
        LinkCandidate(one, other)
        for index, one in enumerate(identifiers)
        for other in identifiers[index + 1 :]
    )


def _passed(way: _Way) -> Passed:
    event = way.event
    if not way.redacted and way.classification is None and way.claim is None:
        return Passed(event=event)
    if notes := _notes(way):
        event = structs.replace(event, context={**event.context, NOTES: notes})
    return Passed(event=event, remarks=tuple(_remarks(way.redacted)))


def _notes(way: _Way) -> dict[str, Any]:
    """What plugins made of an event, to be kept with it."""
    notes: dict[str, Any] = {}
    if way.redacted:
        notes["redacted"] = way.redacted
    if way.classification is not None:
        plugin, classification = way.classification
        notes["countsAs"] = classification.counts_as
        notes["classification"] = {"by": plugin, "reason": classification.reason}
    if way.claim is not None:
        plugin, claim = way.claim
        notes["account"] = {
            "by": plugin,
            "groupId": claim.group_id,
            "domain": claim.domain,
            "member": claim.member,
            "confidence": claim.confidence,
            "reason": claim.reason,
        }
    return notes


def _remarks(redacted: Mapping[str, Mapping[str, int]]) -> Iterable[Remark]:
    for plugin, found in redacted.items():
        what = ", ".join(f"{name} ({times})" for name, times in found.items())
        yield Remark(code="REDACTED", message=f"The plugin {plugin} took out: {what or 'some of it'}.")
