"""What an account is, from the traits that were said about it: pure, and the same in whatever order they were said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from cdp.accounts.domains import organisation
from cdp.model import AccountKind

_T = TypeVar("_T")

NAME = "name"
KIND = "kind"
DOMAIN = "domain"
SEATS = "seats_licensed"

_KIND_KEYS = (KIND, "type")
_DOMAIN_KEYS = (DOMAIN, "email_domain", "emailDomain", "website")
_SEAT_KEYS = (SEATS, "seatsLicensed", "licensed_seats", "licensedSeats", "seats")
"""Employees are no seats: how many work there says nothing about how many were paid for."""
_KINDS = {
    "household": AccountKind.HOUSEHOLD,
    "family": AccountKind.HOUSEHOLD,
    "organisation": AccountKind.ORGANISATION,
    "organization": AccountKind.ORGANISATION,
    "company": AccountKind.ORGANISATION,
    "business": AccountKind.ORGANISATION,
}
_LONGEST_NAME = 200
_MOST_SEATS = 2**31 - 1


class Register(Struct, frozen=True, kw_only=True):
    """One trait; the later one by (occurred_at, message_id) stands."""

    value: Any
    """JSON; None takes the trait away."""
    occurred_at: datetime
    message_id: str
    source: str

    @property
    def age(self) -> tuple[datetime, str]:
        """What decides between two."""
        return self.occurred_at, self.message_id


Registers = Mapping[str, Register]
"""By key."""


class Lifted(Struct, frozen=True, kw_only=True):
    """The columns of an account; None: the traits do not say."""

    kind: AccountKind | None
    name: str | None
    domain: str | None
    seats_licensed: int | None
    traits: dict[str, Any]


def later(into: dict[str, Register], more: Iterable[tuple[str, Register]]) -> None:
    """Keep the later of each key."""
    for key, register in more:
        if (kept := into.get(key)) is None or kept.age <= register.age:
            into[key] = register


def lift(registers: Registers, free_mail: Collection[str] = ()) -> Lifted:
    """Read the columns out of the traits.

    Args:
        registers: all that was said about one account.
        free_mail: domains that never name an organisation, besides the known ones.
    """
    return Lifted(
        kind=_kind(registers),
        name=_first(registers, (NAME,), _name),
        domain=_first(registers, _DOMAIN_KEYS, lambda value: _domain(value, free_mail)),
        seats_licensed=_first(registers, _SEAT_KEYS, _seats),
        traits={key: one.value for key, one in sorted(registers.items()) if one.value is not None},
    )


def _kind(registers: Registers) -> AccountKind | None:
    said = [
        (registers[key].age, found)
        for key in _KIND_KEYS
        if key in registers
        and isinstance(value := registers[key].value, str)
        and (found := _KINDS.get(value.strip().lower()))
    ]
    return max(said)[1] if said else None


def _first(registers: Registers, keys: Iterable[str], read: Callable[[Any], _T | None]) -> _T | None:
    """What the first of these traits says that says anything."""
    for key in keys:
        if key in registers and (found := read(registers[key].value)) is not None:
            return found
    return None


def _name(value: Any) -> str | None:
    return (value.strip()[:_LONGEST_NAME] or None) if isinstance(value, str) else None


def _domain(value: Any, free_mail: Collection[str]) -> str | None:
    return organisation(value, free_mail) if isinstance(value, str) else None


def _seats(value: Any) -> int | None:
    match value:
        case bool():
            return None
        case float() if value.is_integer():
            return _seats(int(value))
        case str() if value.strip().isascii() and value.strip().isdigit() and len(value.strip()) < 11:
            return _seats(int(value))
        case int() if 0 <= value <= _MOST_SEATS:
            return value
        case _:
            return None
