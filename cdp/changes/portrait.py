"""How a person stands, as far as plugins are told of changes; and what differs between two such portraits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from cdp.model import (
    AccountFacts,
    AccountId,
    ChangedAccount,
    ChangedPerson,
    Measured,
    MembershipFacts,
    MembershipState,
    ProfileFacts,
    ProfileId,
    ProfileState,
    RoleState,
)

OVERALL = "*"
"""Stands for «over all accounts»; account 0 is the membership with oneself."""


class Portrait(Struct, frozen=True, kw_only=True):
    """How a person stands. Keys are texts, as in JSON."""

    profile: ProfileState
    accounts: dict[str, ChangedAccount] = {}
    """By account id."""
    memberships: dict[str, MembershipState] = {}
    """By account id."""
    roles: dict[str, dict[str, RoleState]] = {}
    """By account id, then by role."""
    journeys: dict[str, dict[str, str]] = {}
    """By account id or `OVERALL`, then by `Measured`; what is not there yet is absent."""


class About(Struct, frozen=True, kw_only=True):
    """Whom and what a difference is about, besides its values."""

    person: ChangedPerson
    account: ChangedAccount | None = None
    role: str | None = None
    measured: Measured | None = None
    merged_into: ProfileId | None = None


class Difference(Struct, frozen=True, kw_only=True):
    """One thing that changed, as one hook is told."""

    hook: str
    subject: str
    about: About
    before: Any
    """A state, a word, or None."""
    after: Any


class HeldRole(Struct, frozen=True, kw_only=True):
    """One claim of a role within a membership."""

    account_id: AccountId
    role: str
    source: str
    confidence: float


def portray(
    profile: ProfileFacts, memberships: Sequence[MembershipFacts], roles: Sequence[HeldRole]
) -> Portrait:
    """The portrait of a person with these memberships and current roles."""
    accounts: dict[str, ChangedAccount] = {}
    members: dict[str, MembershipState] = {}
    journeys = {OVERALL: _journey(profile)}
    for membership in memberships:
        if membership.account is None:
            continue
        key = str(membership.account.account_id)
        accounts[key] = _account(membership.account)
        members[key] = MembershipState(own=membership.own, since=membership.since, until=membership.until)
        journeys[key] = _journey(membership)
    held: dict[str, dict[str, list[HeldRole]]] = {}
    for one in roles:
        held.setdefault(str(one.account_id), {}).setdefault(one.role, []).append(one)
    return Portrait(
        profile=ProfileState(
            display_name=profile.display_name, identifiers=profile.identifiers, traits=profile.traits
        ),
        accounts=accounts,
        memberships=members,
        roles={
            account: {role: _role(claims) for role, claims in sorted(by_role.items())}
            for account, by_role in held.items()
        },
        journeys={account: journey for account, journey in journeys.items() if journey},
    )


def absorbed(survivor: Portrait | None, gone: Sequence[Portrait]) -> Portrait | None:
    """What a person who took in others is compared with: what any of them had is not new."""
    if not gone:
        return survivor
    found = survivor or Portrait(profile=ProfileState())
    for other in gone:
        found = msgspec.structs.replace(
            found,
            accounts={**other.accounts, **found.accounts},
            memberships={**other.memberships, **found.memberships},
            roles={
                account: {**other.roles.get(account, {}), **found.roles.get(account, {})}
                for account in {**other.roles, **found.roles}
            },
            journeys={**other.journeys, **found.journeys},
        )
    return found


def went_into(profile_id: ProfileId, before: Portrait, survivor: ProfileId) -> Difference:
    """That a person turned out to be another one."""
    person = ChangedPerson(profile_id=profile_id, display_name=before.profile.display_name)
    return Difference(
        hook="on_profile_changed",
        subject="",
        about=About(person=person, merged_into=survivor),
        before=before.profile,
        after=None,
    )


def differences(profile_id: ProfileId, before: Portrait | None, after: Portrait) -> list[Difference]:
    """All that changed, in the order in which it is told: who it is, where, as what, how far."""
    person = ChangedPerson(profile_id=profile_id, display_name=after.profile.display_name)
    old = before or Portrait(profile=ProfileState())
    accounts = {**old.accounts, **after.accounts}
    found = []
    if before is None or old.profile != after.profile:
        found.append(
            Difference(
                hook="on_profile_changed",
                subject="",
                about=About(person=person),
                before=before and before.profile,
                after=after.profile,
            )
        )
    for account, was, now in _pairs(old.memberships, after.memberships):
        about = About(person=person, account=accounts[account])
        found.append(
            Difference(hook="on_membership_changed", subject=account, about=about, before=was, after=now)
        )
    for account, was_roles, now_roles in _pairs(old.roles, after.roles):
        for role, was, now in _pairs(was_roles or {}, now_roles or {}):
            about = About(person=person, account=accounts.get(account), role=role)
            found.append(
                Difference(
                    hook="on_role_changed", subject=f"{account}:{role}", about=about, before=was, after=now
                )
            )
    for account, was_journey, now_journey in _pairs(old.journeys, after.journeys):
        for measured, was, now in _pairs(was_journey or {}, now_journey or {}):
            about = About(person=person, account=accounts.get(account), measured=Measured(measured))
            found.append(
                Difference(
                    hook="on_stage_changed",
                    subject=f"{account}:{measured}",
                    about=about,
                    before=was,
                    after=now,
                )
            )
    return found


def _pairs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Each key whose values differ, with both."""
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            yield key, before.get(key), after.get(key)


def _account(facts: AccountFacts) -> ChangedAccount:
    return ChangedAccount(account_id=facts.account_id, kind=facts.kind, name=facts.name, domain=facts.domain)


def _role(claims: Sequence[HeldRole]) -> RoleState:
    return RoleState(
        confidence=round(max(one.confidence for one in claims), 1),
        sources=tuple(sorted({one.source for one in claims})),
    )


def _journey(facts: ProfileFacts | MembershipFacts) -> dict[str, str]:
    """Where somebody stands; the beginnings (no stage, COLD, no usage) are left out, so that they are no change."""
    values = {
        Measured.STAGE.value: facts.intent.stage and facts.intent.stage.value,
        Measured.LEVEL.value: facts.intent.level.value,
        Measured.PHASE.value: facts.usage.phase.value,
    }
    return {name: value for name, value in values.items() if value not in {None, "COLD", "NONE"}}
