"""The way of events past the plugins, between being read and being stored; outside of any transaction.

In this order: may they be used at all (`guard_consent`); what should they be (`transform_event`); what of them must not
be stored (`guard_event`); and then, of what will be stored, as what it counts (`classify_event`), where it happened
(`resolve_account`) and what it does not link (`register_identity_rules`, `veto_link`). What comes together is
asked about together: one call for each plugin and hook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import structs

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.identity.kinds import Kinds
from cdp.identity.rules import Rules
from cdp.ingest import consents
from cdp.ingest.answers import Checks
from cdp.ingest.rounds import Asking, Check, Part, Round
from cdp.ingest.together import Together
from cdp.ingest.vetoes import Pairing, Vetoes
from cdp.ingest.ways import Passed, Turned, Way, passed
from cdp.lenses.catalogue import catalogue_of
from cdp.lenses.names import BEHAVIOUR
from cdp.model import (
    AccountClaim,
    AccountRef,
    Classification,
    ConsentQuestion,
    Event,
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
        self._cleared: dict[WorkspaceId, tuple[Workspace, set[Pairing]]] = {}
        self._together: dict[WorkspaceId, Together[Way]] = {}

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
        ways = [Way(event=event, now=now) for event in events]
        together = self._together.get(workspace.workspace_id)
        if together is None:
            together = self._together[workspace.workspace_id] = Together(self._lead)
        await together.go(workspace, ways)
        return [way.turned or passed(way) for way in ways]

    async def _lead(self, workspace: Workspace, ways: Sequence[Way]) -> None:
        checks = Checks(self._kinds, workspace)
        with stage("ingest.plugins", events=len(ways)):
            if self._calls.asked("guard_consent", workspace):
                known = await self._consents.of(workspace.workspace_id, [way.event for way in ways])
                for way, person in zip(ways, known, strict=True):
                    way.known = person
            veto = Vetoes(self._rules.of(workspace), self._cleared_in(workspace), ways)
            parts = (
                self._part("guard_consent", workspace, self._consent(ways), checks.reasons),
                self._part("transform_event", workspace, self._transform(ways), checks.events),
                self._part("guard_event", workspace, self._guard(ways), checks.verdicts),
                self._part(
                    "classify_event", workspace, self._classify(workspace, ways), checks.classifications
                ),
                self._part("resolve_account", workspace, self._resolve_accounts(ways), checks.claims),
                self._part("veto_link", workspace, veto.round(), checks.reasons),
            )
            await Asking(self._calls, workspace).all(parts)
            _claim_accounts(ways)
            veto.apply()

    def _part(self, hook: str, workspace: Workspace, round_: Round[Any, Any], check: Check) -> Part:
        return Part(self._calls.asked(hook, workspace), round_, check)

    def _consent(self, ways: Sequence[Way]) -> Round[Way, ConsentQuestion]:
        def question(way: Way) -> ConsentQuestion:
            return ConsentQuestion(
                purpose=Purpose.ANALYTICS,
                identifiers=way.event.identifiers,
                said=consents.said(way.event),
                known=way.known,
                as_of=way.now,
            )

        def said(_plugin: str, way: Way, answer: str) -> None:
            way.turned = Turned(code="NO_CONSENT", message=answer)

        return Round(left=_left(ways), item=question, said=said, failed=_hold)

    def _transform(self, ways: Sequence[Way]) -> Round[Way, Event]:
        def said(_plugin: str, way: Way, answer: Event) -> None:
            way.event = answer

        return Round(left=_left(ways), item=_event, said=said)

    def _guard(self, ways: Sequence[Way]) -> Round[Way, Event]:
        def said(plugin: str, way: Way, answer: Redacted | Withheld) -> None:
            match answer:
                case Withheld():
                    way.turned = Turned(code="WITHHELD", message=answer.reason)
                case Redacted():
                    way.event = answer.event
                    way.redacted = {**way.redacted, plugin: answer.found}

        return Round(left=_left(ways), item=_event, said=said, failed=_hold)

    def _classify(self, workspace: Workspace, ways: Sequence[Way]) -> Round[Way, Event]:
        def said(plugin: str, way: Way, answer: Classification) -> None:
            way.classification = (plugin, answer)

        catalogue = catalogue_of(workspace)

        def left() -> Sequence[Way]:
            return [
                way
                for way in ways
                if way.classification is None
                and way.turned is None
                and way.event.type in BEHAVIOUR
                and not catalogue.names(way.event.name)
            ]

        return Round(left=left, item=_event, said=said)

    def _resolve_accounts(self, ways: Sequence[Way]) -> Round[Way, Event]:
        def said(plugin: str, way: Way, answer: AccountClaim) -> None:
            if way.claim is None or answer.confidence > way.claim[1].confidence:
                way.claim = (plugin, answer)

        def left() -> Sequence[Way]:
            return [way for way in ways if way.turned is None and way.event.account is None]

        return Round(left=left, item=_event, said=said)

    def _cleared_in(self, workspace: Workspace) -> set[Pairing]:
        """What nobody has anything against, by the settings of today: it need not be asked about again."""
        version, cleared = self._cleared.get(workspace.workspace_id, (None, set()))
        if version is not workspace or len(cleared) > CLEARED:
            cleared = set()
            self._cleared[workspace.workspace_id] = (workspace, cleared)
        return cleared


def _claim_accounts(ways: Sequence[Way]) -> None:
    for way in ways:
        if way.claim is not None and way.turned is None:
            claim = way.claim[1]
            account = AccountRef(group_id=claim.group_id or "", domain=claim.domain, member=claim.member)
            way.event = structs.replace(way.event, account=account)


def _left(ways: Sequence[Way]) -> Callable[[], Sequence[Way]]:
    return lambda: [way for way in ways if way.turned is None]


def _event(way: Way) -> Event:
    return way.event


def _hold(plugin: str, way: Way) -> None:
    way.turned = Turned(
        code="HELD",
        message=f"The plugin {plugin} could not look at the event; it is not stored, and can be replayed.",
    )
