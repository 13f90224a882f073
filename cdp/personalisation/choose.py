"""Filling a slot for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from cdp.access.scopes import Scope
from cdp.db.pool import Connection
from cdp.hooks.manager import Plugins
from cdp.lenses.read import membership_facts
from cdp.model import (
    NO_ACCOUNT,
    AccountId,
    Candidate,
    MembershipFacts,
    PersonalisationRequest,
    ProfileId,
    Workspace,
)
from cdp.personalisation.panels import may_see, visible
from cdp.roles.current import current_roles, role_names
from cdp.roles.decide import Place


class Choice(Struct, frozen=True, kw_only=True):
    """What to show, and who chose it."""

    candidate: Candidate
    plugin: str
    account_id: AccountId
    """Within which membership; 0: with themselves."""


async def choose(
    plugins: Plugins,
    requests: Sequence[PersonalisationRequest],
    *,
    granted: Collection[Scope],
    workspace: Workspace | None = None,
) -> list[tuple[str, Candidate] | None]:
    """For each request the first candidate and its plugin; None: no plugin has one that the reader may see.

    Plugins are given only what the reader may see, so that not even the choice tells more.
    """
    chosen = await plugins.choose_personalisation(
        [visible(request, granted) for request in requests], workspace=workspace
    )
    return [one if one is not None and may_see(one[1], granted) else None for one in chosen]


async def choose_for(
    connection: Connection,
    workspace: Workspace,
    plugins: Plugins,
    profile_ids: Collection[ProfileId],
    *,
    slot: str,
    account_id: AccountId | None,
    granted: Collection[Scope],
    as_of: datetime,
) -> dict[ProfileId, Choice]:
    """Fill the slot for these people, within one account or, where that is None, where they were last active.

    People without such a membership, and those for whom no plugin has anything, are missing.
    """
    facts = await membership_facts(connection, workspace, profile_ids, as_of)
    places = _places(facts, account_id, granted, as_of)
    roles = await current_roles(connection, workspace.workspace_id, places, as_of=as_of)
    requests = [
        PersonalisationRequest(
            slot=slot,
            membership=facts[place],
            roles=role_names(roles.get(place, ())),
            features=workspace.features,
        )
        for place in places
    ]
    chosen = await choose(plugins, requests, granted=granted, workspace=workspace)
    return {
        profile_id: Choice(candidate=one[1], plugin=one[0], account_id=account)
        for (profile_id, account), one in zip(places, chosen, strict=True)
        if one is not None
    }


def _places(
    facts: Mapping[Place, MembershipFacts],
    account_id: AccountId | None,
    granted: Collection[Scope],
    as_of: datetime,
) -> list[Place]:
    """One membership a person: in the account that was asked for, or their most lively one."""
    if account_id is not None:
        return [place for place in facts if place[1] == account_id]
    by_person: dict[ProfileId, list[Place]] = {}
    for place in facts:
        by_person.setdefault(place[0], []).append(place)
    return [
        max(places, key=lambda place: _liveliness(place, facts[place], granted, as_of))
        for places in by_person.values()
    ]


def _liveliness(
    place: Place, facts: MembershipFacts, granted: Collection[Scope], as_of: datetime
) -> tuple[bool, bool, float, bool, int]:
    """Memberships that go on, then own ones, then by their last signal or use; the older account on a tie."""
    goes_on = facts.until is None or facts.until > as_of
    return goes_on, facts.own, _last_active(facts, granted), place[1] != NO_ACCOUNT, -place[1]


def _last_active(facts: MembershipFacts, granted: Collection[Scope]) -> float:
    """Unix time, as far as the reader may know: a hidden panel must not decide which account is shown."""
    times: list[datetime] = []
    if Scope.INTENT_READ in granted:
        times += [signal.last_at for signal in facts.intent.signals]
    if Scope.USAGE_READ in granted and facts.usage.last_used_at is not None:
        times.append(facts.usage.last_used_at)
    return max((time.timestamp() for time in times), default=0.0)
