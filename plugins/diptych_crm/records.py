"""What of a person's traits a CRM wrote, and within which account it counts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from cdp.model import AccountFacts, MembershipFacts

HUBSPOT = "hs_buying_role"
SALESFORCE = ("salesforce_contact_role", "opportunity_contact_role", "contact_role")
RECORDS = "salesforce_contact_roles"
ACCOUNT_ID = ("salesforce_account_id", "salesforceAccountId")
"""Traits of an account by which Salesforce's id of it is known."""

_SHOWN = 60


class Statement(Struct, frozen=True, kw_only=True):
    """That the CRM calls somebody something."""

    value: str
    reason: str
    facts: dict[str, Any]
    primary: bool = False
    since: datetime | None = None


def statements(membership: MembershipFacts) -> Iterator[Statement]:
    """All that the CRM says of the person within this account.

    A role without an account counts wherever the person is a member, households excepted; a record of an opportunity
    counts within its own account only.
    """
    account = membership.account
    if not membership.own or (account is not None and account.kind != "ORGANISATION"):
        return
    traits = membership.profile.traits
    for key in (HUBSPOT, *SALESFORCE):
        for value in _values(traits.get(key)):
            yield Statement(
                value=value,
                reason=f"the CRM says {value.strip()[:_SHOWN]!r}",
                facts={"trait": key, "value": value.strip()[:200]},
            )
    records = traits.get(RECORDS)
    for record in records if isinstance(records, list) else ():
        if isinstance(record, Mapping) and _is_about(record, account):
            yield from _of_record(record)


def _of_record(record: Mapping[str, Any]) -> Iterator[Statement]:
    value = record.get("Role")
    if not isinstance(value, str):
        return
    opportunity = record.get("OpportunityId")
    where = f" of the opportunity {opportunity[:_SHOWN]}" if isinstance(opportunity, str) else ""
    primary = record.get("IsPrimary") is True
    yield Statement(
        value=value,
        reason=f"Salesforce says {value.strip()[:_SHOWN]!r}{where}"
        + (", the primary contact" if primary else ""),
        facts={
            "trait": RECORDS,
            "value": value.strip()[:200],
            "opportunity": opportunity,
            "primary": primary,
        },
        primary=primary,
        since=_moment(record.get("CreatedDate")),
    )


def _is_about(record: Mapping[str, Any], account: AccountFacts | None) -> bool:
    """Whether a record's opportunity is with this account; one that names none counts wherever the person is."""
    opportunity = record.get("Opportunity")
    named = record.get("AccountId") or (
        opportunity.get("AccountId") if isinstance(opportunity, Mapping) else None
    )
    if not isinstance(named, str):
        return True
    if account is None:
        return False
    known = (account.domain, *(account.traits.get(key) for key in ACCOUNT_ID))
    return named.strip().casefold() in {one.casefold() for one in known if isinstance(one, str)}


def _values(value: object) -> list[str]:
    match value:
        case str():
            return [one for one in value.split(";") if one.strip()]
        case list():
            return [one for one in value if isinstance(one, str)]
        case _:
            return []


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
