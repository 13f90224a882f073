"""Traits that follow from an e-mail address or a phone number by themselves: offline, free, with their uncertainty.

| trait | from | confidence | value |
| --- | --- | --- | --- |
| `email_type` | e-mail | 0.95 | `corporate`, or `free` for a free-mail provider |
| `company_domain` | e-mail, corporate | 0.9 | the registrable domain: `acme.co.uk` of `x@mail.acme.co.uk` |
| `country` | e-mail, corporate | 0.6 | of a country's top-level domain, unless it is sold as a word (`.io`, `.ai`) |
| `country` | phone | 0.9 | ISO 3166 code |
| `region` | phone | 0.6 | what the number plan says, such as `London`; numbers are carried along when people move |
| `time_zones` | phone | 0.8, 0.5 where there are several | IANA names |
| `phone_type` | phone | 0.8 | `MOBILE`, `FIXED_LINE`, `VOIP`, … |
| `carrier` | phone, mobile | 0.5 | whom the number was first given to |
"""

from __future__ import annotations

from collections.abc import Iterator

from cdp.hooks import hookimpl
from cdp.model import EnrichedTrait, EnrichmentRequest
from diptych_enrichment import email, phone


@hookimpl
def enrich_person(request: EnrichmentRequest) -> list[EnrichedTrait]:
    """All that each identifier gives."""
    return list(_traits(request))


def _traits(request: EnrichmentRequest) -> Iterator[EnrichedTrait]:
    for identifier in request.identifiers:
        match identifier.kind:
            case "email":
                yield from email.traits(identifier)
            case "phone":
                yield from phone.traits(identifier)
