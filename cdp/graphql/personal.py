"""What of free-form attributes identifies a person: hidden from those who may not read personal data.

Attributes have no declared classes yet, so that names and values must tell. It is better to hide a phone's model with
the phone numbers than to show a number.
"""

from __future__ import annotations

_ANYWHERE = (
    "mail|phone|mobile|telefon|fax|whatsapp|telegram|skype|first_name|last_name|given_name|family_name|full_name"
    "|middle_name|maiden_name|surname|nick_name|user_name|display_name|login|linkedin|twitter|facebook|instagram|github"
    "|birth|address|street|zip|postal|post_code|latitude|longitude|avatar|photo|picture|passport|social_security|iban"
    "|tax_id|national_id|ip_addr"
)
"""Parts of names, in any case, that give away an attribute of a person wherever it is; `_` is any separator or none."""

_ALONE = "'name', 'title', 'ip', 'dob', 'ssn', 'gender', 'sex', 'cell', 'age', 'handle'"
"""Whole names of attributes of a person; further inside, they may well be those of a plan or a product."""

_PATTERN = _ANYWHERE.replace("_", "[^a-z0-9]?")

_ADDRESS = '[^[:space:]"@]@[^[:space:]"@]'
"""What an e-mail address looks like from afar."""


def is_personal(key: str, value: str) -> str:
    """The SQL condition that an attribute, `key` text and `value` jsonb, identifies a person."""
    inside = f'$.** ? (@.type() == "object").keyvalue().key ? (@ like_regex "{_PATTERN}" flag "i")'
    return (
        f"(lower({key}) ~ '{_PATTERN}' OR lower({key}) IN ({_ALONE}) OR {value}::text ~ '{_ADDRESS}'"
        f" OR jsonb_path_exists({value}, '{inside}', '{{}}', true))"
    )


def without_personal(traits: str) -> str:
    """The SQL of these traits without those that identify a person."""
    return (
        "(SELECT coalesce(jsonb_object_agg(trait.key, trait.value), '{}')"
        f" FROM jsonb_each({traits}) AS trait (key, value) WHERE NOT {is_personal('trait.key', 'trait.value')})"
    )


IMPERSONAL_TRAITS = f"CASE WHEN a.kind = 'HOUSEHOLD' THEN {without_personal('a.traits')} ELSE a.traits END"
"""The traits of the account `a` for who may not read personal data: those of a household are people's."""
