"""Filling a slot: for whom, within which account, and without telling what the reader may not see."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from cdp.access import SCOPES, KeyRole, Scope, Scopes
from cdp.db.pool import Database
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import (
    AccountFacts,
    AccountId,
    AccountKind,
    AccountRef,
    Candidate,
    Identifier,
    IntentFacts,
    Lens,
    MembershipFacts,
    PersonalisationRequest,
    ProfileFacts,
    ProfileId,
    Stage,
    UsageFacts,
    UsagePhase,
    WorkspaceId,
)
from cdp.model.classes import TraitClass, TraitClasses
from cdp.personalisation import Filled, fill
from cdp.personalisation.gather import HIDDEN, Inside, Reader
from cdp.personalisation.panels import visible
from cdp.personalisation.slots import Variant
from cdp.personalisation.store import Slots
from cdp.workspaces.cache import Workspaces
from tests.settle.parts import NOON, event, ingest, rows

ADMIN = SCOPES[KeyRole.ADMIN]


class Chooser:
    """A plugin that remembers what it saw and answers with the panel that it is told to."""

    def __init__(self, lens: Lens = Lens.NONE) -> None:
        self.lens = lens
        self.seen: list[PersonalisationRequest] = []

    @hookimpl
    def choose_personalisation(self, request: PersonalisationRequest) -> Candidate:
        self.seen.append(request)
        account = request.membership.account
        name = account.name if account else None
        return Candidate(variant="v", content={"account": name}, lens=self.lens, reason="because")


@pytest.fixture
def chooser() -> Chooser:
    return Chooser()


@pytest.fixture
async def plugins(chooser: Chooser) -> AsyncIterator[Plugins]:
    plugins = Plugins()
    plugins.register(chooser, name="chooser")
    yield plugins
    await plugins.aclose()


def request() -> PersonalisationRequest:
    intent = IntentFacts(score=50, stage=Stage.PRICING, purchase_count=2)
    usage = UsageFacts(phase=UsagePhase.HABITUAL, active_days=9, window_days=14)
    return PersonalisationRequest(
        slot="home_hero",
        membership=MembershipFacts(
            profile=ProfileFacts(
                profile_id=ProfileId(1),
                display_name="Ada",
                identifiers=(Identifier("email", "ada@acme.com"),),
                traits={"title": "CFO"},
                intent=intent,
                usage=usage,
                as_of=NOON,
            ),
            account=AccountFacts(
                account_id=AccountId(3), kind=AccountKind.ORGANISATION, name="Acme", purchase_count=4
            ),
            own=True,
            intent=intent,
            usage=usage,
            since=None,
            until=None,
            as_of=NOON,
        ),
        roles=("ECONOMIC_BUYER",),
        features=(),
    )


@pytest.mark.parametrize(
    ("role", "intent", "usage", "person"),
    [
        ("ADMIN", True, True, True),
        ("SALES", True, False, True),
        ("SUPPORT", False, True, True),
        ("MARKETING", True, True, False),
        ("PARTNER", False, False, False),
    ],
)
def test_plugins_are_given_only_what_the_reader_may_see(
    *, role: str, intent: bool, usage: bool, person: bool
) -> None:
    """A hidden panel is empty everywhere: in the membership, the profile and the account. Roles stay."""
    seen = visible(request(), SCOPES[KeyRole(role)], TraitClasses())
    profile, account = seen.membership.profile, seen.membership.account
    assert account is not None
    full = request().membership
    assert (seen.membership.intent, profile.intent) == (
        (full.intent,) * 2 if intent else (IntentFacts(),) * 2
    )
    assert account.purchase_count == (4 if intent else 0)
    hidden = UsageFacts(window_days=14)
    assert (seen.membership.usage, profile.usage) == ((full.usage,) * 2 if usage else (hidden,) * 2)
    known = ("Ada", full.profile.identifiers, {"title": "CFO"}) if person else (None, (), {})
    assert (profile.display_name, profile.identifiers, profile.traits) == known
    assert seen.roles == ("ECONOMIC_BUYER",)


def test_the_traits_of_a_household_are_people_s() -> None:
    """Who may not read personal data does not get them through a plugin; an organisation's are its own."""
    for kind, known in ((AccountKind.HOUSEHOLD, {}), (AccountKind.ORGANISATION, {"street": "Elm"})):
        asked = request()
        account = asked.membership.account
        assert account is not None
        account = replace(account, kind=kind, traits={"street": "Elm"})
        asked = replace(asked, membership=replace(asked.membership, account=account))
        for role, traits in ((KeyRole.MARKETING, known), (KeyRole.SALES, {"street": "Elm"})):
            seen = visible(asked, SCOPES[role], TraitClasses()).membership.account
            assert seen is not None
            assert seen.traits == traits
            assert (seen.name is None) == (not traits)


def test_plugins_are_given_only_traits_of_a_class_that_the_reader_may_see() -> None:
    """As the workspace declares it, however the key is spelled."""
    asked = request()
    account = asked.membership.account
    assert account is not None
    traits = {"Lead Score": 7, "health": 3, "tier": "gold"}
    declared = {"leadscore": TraitClass.INTENT, "health": TraitClass.USAGE}
    asked = replace(
        asked,
        membership=replace(
            asked.membership,
            profile=replace(asked.membership.profile, traits=traits),
            account=replace(account, traits=traits),
        ),
    )
    for role, shown in (
        (KeyRole.ADMIN, ["Lead Score", "health", "tier"]),
        (KeyRole.SALES, ["Lead Score", "tier"]),
        (KeyRole.SUPPORT, ["health", "tier"]),
    ):
        seen = visible(asked, SCOPES[role], TraitClasses(profile=declared, account=declared)).membership
        assert seen.account is not None
        assert (list(seen.profile.traits), list(seen.account.traits)) == (shown, shown)


class Nobody:
    """No filter is read here."""

    async def __call__(
        self, connection: object, variants: Sequence[Variant], profile_ids: Sequence[ProfileId]
    ) -> Sequence[Inside]:
        return [HIDDEN] * len(variants)


class Filling:
    """Fills slots of one workspace."""

    def __init__(self, database: Database, workspace_id: WorkspaceId, plugins: Plugins) -> None:
        self.database, self.workspace_id, self.plugins = database, workspace_id, plugins
        self.workspaces, self.slots = Workspaces(database), Slots()

    async def __call__(
        self,
        person: ProfileId,
        granted: Scopes = ADMIN,
        account: AccountId | None = None,
        slot: str = "home_hero",
    ) -> Filled | None:
        filled = await fill(
            lambda: self.database.connection(self.workspace_id),
            await self.workspaces.get(self.workspace_id),
            self.plugins,
            self.slots,
            [person],
            names=[slot],
            account_id=account,
            reader=Reader(granted=granted, audiences=Nobody(), as_of=NOON),
        )
        return filled.get((person, slot))


@pytest.fixture
def filling(database: Database, workspace: WorkspaceId, plugins: Plugins) -> Filling:
    return Filling(database, workspace, plugins)


async def test_a_candidate_of_a_hidden_panel_is_not_shown(
    filling: Filling, chooser: Chooser, plugins: Plugins
) -> None:
    """Who may not see the panel gets nothing, not even another plugin's answer."""
    second = SimpleNamespace(
        choose_personalisation=hookimpl(
            lambda request: Candidate(variant="other", content={}, lens=Lens.NONE, reason="r"), trylast=True
        )
    )
    plugins.register(second, name="second")
    (ada,) = await ingest(filling.database, filling.workspace_id, [event("1", "ada")])
    shown = {}
    for lens in Lens:
        chooser.lens = lens
        for scope in (Scope.INTENT_READ, Scope.USAGE_READ):
            filled = await filling(ada, frozenset({scope}))
            shown[lens.value, scope.value] = filled and filled.decision.variant
    assert shown == {
        ("INTENT", "intent:read"): "v",
        ("INTENT", "usage:read"): None,
        ("USAGE", "intent:read"): None,
        ("USAGE", "usage:read"): "v",
        ("NONE", "intent:read"): "v",
        ("NONE", "usage:read"): "v",
    }


async def test_the_slot_is_filled_within_the_account_that_is_asked_for_or_the_liveliest(
    database: Database, workspace: WorkspaceId, filling: Filling, chooser: Chooser
) -> None:
    """Liveliest as far as the reader can know: hidden facts do not choose the account."""
    user = (Identifier("user_id", "ada"),)

    def acting(number: int, group: str, name: str, hours: int) -> object:
        account = AccountRef(group_id=group, member=False)
        at = NOON - timedelta(hours=hours)
        return event(str(number), "ada", name=name, account=account, identifiers=user, occurred_at=at)

    joined = [
        event(
            f"g{group}", "ada", type="group", name="Grouped", account=AccountRef(group_id=group, member=True)
        )
        for group in ("a", "b")
    ]
    (ada,) = await ingest(
        database,
        workspace,
        [*joined, acting(1, "a", "Pricing Viewed", 1), acting(2, "b", "Signed In", 2)],
    )
    accounts = dict(
        await rows(database, workspace, "SELECT group_id, account_id FROM account WHERE workspace_id = $1")
    )

    async def where(granted: Scopes, account: AccountId | None = None) -> AccountId | None:
        filled = await filling(ada, granted, account)
        return filled.account_id if filled is not None else None

    assert await where(ADMIN) == accounts["a"]
    assert await where(SCOPES[KeyRole.SUPPORT]) == accounts["b"]
    assert await where(ADMIN, accounts["b"]) == accounts["b"]
    assert await where(ADMIN, AccountId(99)) is None
    assert [one.membership.account and one.membership.account.account_id for one in chooser.seen] == [
        accounts["a"],
        accounts["b"],
        accounts["b"],
    ]
