"""What a phone number says: where it was given out, to whom, and what time it is there."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumberType

from cdp.model import EnrichedTrait, Identifier

_NAMES = {number: name for name, number in vars(PhoneNumberType).items() if isinstance(number, int)}
_NOWHERE = "Etc/Unknown"


def traits(identifier: Identifier) -> Iterator[EnrichedTrait]:
    """Of a number in E.164, perhaps with an extension."""
    # The names of all the world's regions take half a second to load: no command waits for them that needs none.
    from phonenumbers import carrier, geocoder, timezone  # noqa: PLC0415

    try:
        number = phonenumbers.parse(identifier.value, None)
    except phonenumbers.NumberParseException:
        return
    country = phonenumbers.region_code_for_number(number)
    if country is not None and country.isalpha():
        yield EnrichedTrait(key="country", value=country, about=identifier, confidence=0.9)
    region = geocoder.description_for_number(number, "en")
    if region and region != geocoder.country_name_for_number(number, "en"):
        yield EnrichedTrait(key="region", value=region, about=identifier, confidence=0.6)
    zones = [zone for zone in timezone.time_zones_for_number(number) if zone != _NOWHERE]
    if zones:
        sure = 0.8 if len(zones) == 1 else 0.5
        yield EnrichedTrait(key="time_zones", value=zones, about=identifier, confidence=sure)
    kind = phonenumbers.number_type(number)
    if kind != PhoneNumberType.UNKNOWN:
        yield EnrichedTrait(key="phone_type", value=_NAMES[kind], about=identifier, confidence=0.8)
    name = carrier.name_for_valid_number(number, "en")
    if name:
        yield EnrichedTrait(key="carrier", value=name, about=identifier, confidence=0.5)
