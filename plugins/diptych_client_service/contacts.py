"""Who takes care of an account."""

from __future__ import annotations

import msgspec

from cdp.model import AccountFacts
from diptych_client_service.settings import ClientService, Contact


def contact_of(account: AccountFacts | None, settings: ClientService) -> Contact | None:
    """By the account's trait, else by its domain, else the contact of all others; None: nobody."""
    if account is not None:
        named = _named(account.traits.get(settings.trait))
        if named is not None:
            return named
        if account.domain is not None and account.domain in settings.contacts:
            return settings.contacts[account.domain]
    return settings.default


def _named(trait: object) -> Contact | None:
    """What a trait says; None where it says nothing that can be used."""
    match trait:
        case str():
            return Contact(name=trait.strip()) if trait.strip() else None
        case dict():
            try:
                contact = msgspec.convert(trait, Contact)
            except msgspec.ValidationError:
                return None
            return contact if contact.name.strip() else None
        case _:
            return None
