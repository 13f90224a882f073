"""What a workspace may set about redaction."""

from __future__ import annotations

from msgspec import Struct


class RedactionSettings(Struct, frozen=True, kw_only=True):
    """What is taken out, and where it may stay."""

    emails: bool = True
    phones: bool = True
    cards: bool = True
    ibans: bool = True
    country: str | None = None
    """ISO 3166 region whose phone numbers are found without a country code; None: only those with one, as `+41 …`."""
    keep: tuple[str, ...] = (
        "properties.email",
        "properties.phone",
        "context.traits.email",
        "context.traits.phone",
    )
    """Fields that are left as they are: what identifies the person. `*` stands for any part of a path."""
    always: tuple[str, ...] = ()
    """Fields whose whole value is taken out, whatever it is, such as `properties.password` or `*.ssn`."""
