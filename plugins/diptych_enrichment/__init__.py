"""Traits that follow from an e-mail address, a phone number or a domain by themselves: offline, free, with their
uncertainty.

| provider | trait | from | confidence | value |
| --- | --- | --- | --- | --- |
| `email_domain` | `email_type` | e-mail | 0.95 | `corporate`, or `free` for a free-mail provider |
| | `company_domain` | e-mail, corporate | 0.9 | the registrable domain: `acme.co.uk` of `x@mail.acme.co.uk` |
| | `country` | e-mail, corporate | 0.6 | of a country's top-level domain, unless it is sold as a word (`.io`, `.ai`) |
| `phone_number` | `country` | phone | 0.9 | ISO 3166 code |
| | `region` | phone | 0.6 | what the number plan says, such as `London`; numbers move with people |
| | `time_zones` | phone | 0.8, 0.5 where there are several | IANA names |
| | `phone_type` | phone | 0.8 | `MOBILE`, `FIXED_LINE`, `VOIP`, … |
| | `carrier` | phone, mobile | 0.5 | whom the number was first given to |
| `account_domain` | `country` | an account's domain | 0.6 | as that of an e-mail |
"""

from __future__ import annotations

from datetime import timedelta

from cdp.hooks import hookimpl
from cdp.model import (
    AccountEnrichmentRequest,
    EnrichedTrait,
    EnrichmentRequest,
    PluginInfo,
    Provider,
    Subject,
)

_FREE_FIRST = 10
"""What costs nothing is asked before anybody who takes money."""
_HALF_A_YEAR = timedelta(days=180)
_OFFLINE = timedelta(milliseconds=500)


@hookimpl
def register_plugin() -> PluginInfo:
    """For administrators."""
    return PluginInfo(
        summary="What an e-mail address, a phone number or a domain says by itself, for nothing."
    )


@hookimpl
def register_providers() -> list[Provider]:
    """Free, and asked first."""
    return [
        Provider(
            name=name,
            subject=subject,
            fields=fields,
            latency=_OFFLINE,
            time_to_live=_HALF_A_YEAR,
            miss_time_to_live=_HALF_A_YEAR,
            confidence=confidence,
            priority=_FREE_FIRST,
        )
        for name, subject, fields, confidence in (
            ("email_domain", Subject.PERSON, ("email_type", "company_domain", "country"), 0.9),
            (
                "phone_number",
                Subject.PERSON,
                ("country", "region", "time_zones", "phone_type", "carrier"),
                0.9,
            ),
            ("account_domain", Subject.ACCOUNT, ("country",), 0.6),
        )
    ]


@hookimpl
def enrich_person(request: EnrichmentRequest) -> list[EnrichedTrait]:
    """All that each identifier gives."""
    # The tables of libraries take a while to load, and many a process never asks.
    from diptych_enrichment import email, phone  # noqa: PLC0415

    traits: list[EnrichedTrait] = []
    for identifier in request.identifiers:
        match identifier.kind:
            case "email" if request.provider in {"", "email_domain"}:
                traits += email.traits(identifier)
            case "phone" if request.provider in {"", "phone_number"}:
                traits += phone.traits(identifier)
    return traits


@hookimpl
def enrich_account(request: AccountEnrichmentRequest) -> list[EnrichedTrait]:
    """The country of its domain."""
    from diptych_enrichment import email  # noqa: PLC0415

    country = None if request.domain is None else email.country_of(request.domain)
    return [] if country is None else [EnrichedTrait(key="country", value=country, confidence=0.6)]
