"""What of free-form attributes tells who somebody is, and who may see an attribute.

A workspace declares what its traits tell. Of what it has not declared, names and values must tell: it is better to hide
a phone's model with the phone numbers than to show a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cdp.access.scopes import Scope
from cdp.model.classes import TraitClass, TraitClasses, TraitOf, folded

ANYWHERE = (
    "mail|phone|mobile|telefon|fax|whatsapp|telegram|skype|first_name|last_name|given_name|family_name|full_name"
    "|middle_name|maiden_name|surname|nick_name|user_name|display_name|login|linkedin|twitter|facebook|instagram|github"
    "|birth|address|street|zip|postal|post_code|latitude|longitude|avatar|photo|picture|passport|social_security|iban"
    "|tax_id|national_id|ip_addr"
).replace("_", "[^a-z0-9]?")
"""Parts of names, in lower case, that give away an attribute of a person wherever it is; PostgreSQL reads it too."""

ALONE = ("name", "title", "ip", "dob", "ssn", "gender", "sex", "cell", "age", "handle")
"""Whole names of attributes of a person; further inside, they may well be those of a plan or a product."""

ADDRESS = '[^[:space:]"@]@[^[:space:]"@]'
"""What an e-mail address looks like from afar, as PostgreSQL writes it."""

_ANYWHERE = re.compile(ANYWHERE)
_ADDRESS = re.compile(r'[^\s"@]@[^\s"@]')

_SCOPES: Mapping[TraitClass, Scope | None] = {
    TraitClass.PERSONAL: Scope.PII_READ,
    TraitClass.INTENT: Scope.INTENT_READ,
    TraitClass.USAGE: Scope.USAGE_READ,
    TraitClass.OPEN: None,
}


def scope_of(trait_class: TraitClass) -> Scope | None:
    """The scope that it takes to see a trait of this class; None: any reader sees it."""
    return _SCOPES[trait_class]


def closed_to(scopes: frozenset[str], classes: TraitClasses, of: TraitOf) -> list[str]:
    """The declared keys, folded, that are not for those with these scopes."""
    declared = classes.of(of)
    if not declared:
        return []
    closed = {one for one, scope in _SCOPES.items() if scope is not None and scope not in scopes}
    return [key for key, one in declared.items() if one in closed]


def names_person(key: str) -> bool:
    """Whether an attribute's name alone says that it identifies a person."""
    lower = key.lower()
    return lower in ALONE or _ANYWHERE.search(lower) is not None


def identifies(value: Any) -> bool:
    """Whether an attribute's value looks as if it identified a person: an address in it, or such names inside."""
    if isinstance(value, (dict, list)) and _names_inside(value):
        return True
    return _ADDRESS.search(json.dumps(value, ensure_ascii=False)) is not None


def scope_to_see(classes: TraitClasses, of: TraitOf, key: str) -> Scope | None:
    """The scope that it takes to see a trait of this name, whatever its value; None: its value decides, if anything.

    What accounts are called and have is guessed to be a person's for households alone, which the name cannot tell.
    """
    declared = classes.of(of).get(folded(key))
    if declared is not None:
        return scope_of(declared)
    match of:
        case TraitOf.PROFILE:
            return Scope.PII_READ if names_person(key) else None
        case TraitOf.ACCOUNT:
            return None
        case TraitOf.EVENT:
            return Scope.PII_READ


def guessed(of: TraitOf, key: str) -> TraitClass:
    """What a trait is taken for by its name alone, where nothing is declared; values may make it personal."""
    match of:
        case TraitOf.PROFILE:
            return TraitClass.PERSONAL if names_person(key) else TraitClass.OPEN
        case TraitOf.ACCOUNT:
            return TraitClass.OPEN
        case TraitOf.EVENT:
            return TraitClass.PERSONAL


def without_closed(
    traits: Mapping[str, Any], scopes: frozenset[str], classes: TraitClasses, of: TraitOf
) -> dict[str, Any]:
    """The traits without those whose declared class is not for these scopes; nothing is guessed."""
    closed = frozenset(closed_to(scopes, classes, of))
    return (
        {key: value for key, value in traits.items() if folded(key) not in closed} if closed else dict(traits)
    )


def _names_inside(value: Any) -> bool:
    match value:
        case dict():
            return any(_ANYWHERE.search(str(key).lower()) or _names_inside(one) for key, one in value.items())
        case list():
            return any(map(_names_inside, value))
        case _:
            return False
