"""Roles of a household: one pays and decides, another uses. A parent buys the toy, and a child plays with it.

| role | grounds, with the confidence of each alone |
| --- | --- |
| PARENT | is called so (trait `household_role`) 0.95; pays for a household of several 0.6, without using it 0.75 |
| CHILD | is called so 0.95; is under age by the birth date 0.9, until the birthday; uses what others pay for 0.5 |

Nobody under age is a parent by what they do, nor is anybody of age a child. Grounds of one role are combined as if
independent. Buyers and users as such are claimed by diptych_roles, at
home as at work.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from cdp.hooks import hookimpl
from cdp.model import AccountKind, MembershipFacts, PluginInfo, RoleContribution, RoleKind
from diptych_household.family import CHILD, PARENT, claims


class HouseholdSettings(Struct, frozen=True, kw_only=True):
    """What a workspace may set."""

    adult_age: Annotated[int, Meta(ge=1, le=30)] = 18
    """Years from which somebody is of age."""


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Tells in households who pays from who uses.", labels=frozenset({"roles", "household"})
    )


@hookimpl
def register_settings() -> type[HouseholdSettings]:
    """What a workspace may set."""
    return HouseholdSettings


@hookimpl
def register_roles() -> list[RoleKind]:
    """The two sides of a household."""
    return [
        RoleKind(name=PARENT, description="Buys and decides for others of the household.", buying=True),
        RoleKind(name=CHILD, description="Uses what others of the household pay for, and is not of age."),
    ]


@hookimpl
def resolve_roles(membership: MembershipFacts, settings: HouseholdSettings) -> list[RoleContribution]:
    """Nothing outside of households."""
    if membership.account is None or membership.account.kind is not AccountKind.HOUSEHOLD:
        return []
    return claims(membership, adult_age=settings.adult_age)
