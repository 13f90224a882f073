"""Asks JSON APIs over HTTP: which, how and what they take is a workspace's to set; there is nothing to program.

Settings, with `pluginConfigure`:

    {"token": "s3cret",
     "endpoints": [{"name": "people", "subject": "PERSON",
                    "url": "https://api.example.com/v1/people?email={email}",
                    "headers": {"Authorization": "Bearer {token}"},
                    "fields": {"job_title": "/person/title", "seniority": "/person/level"},
                    "cost": "0.05", "currency": "EUR", "calls": 10}]}

Each endpoint is a provider of its own: `http_people.people` here. Addresses that are not public are not reached.
"""

from __future__ import annotations

from functools import partial

from cdp.hooks import hookimpl
from cdp.model import (
    AccountEnrichmentRequest,
    EnrichedTrait,
    EnrichmentRequest,
    Http,
    PluginInfo,
    Provider,
    Subject,
    Unanswered,
)
from diptych_http_enricher.asking import ask
from diptych_http_enricher.endpoints import Endpoint, Settings, providers
from diptych_http_enricher.templates import of_account, of_person

__all__ = ["Endpoint", "Settings"]

_NAMES = {Subject.PERSON: "http_people", Subject.ACCOUNT: "http_accounts"}


@hookimpl
def register_plugin() -> PluginInfo:
    """For administrators."""
    return PluginInfo(summary="Asks JSON APIs over HTTP about people and accounts, as the settings say.")


@hookimpl
def register_settings() -> type[Settings]:
    """Without endpoints nothing is asked."""
    return Settings


@hookimpl
def register_providers() -> list[Provider]:
    """Stand for the endpoints of each workspace."""
    return [
        Provider(
            name=name,
            subject=subject,
            of_settings=partial(providers, subject, name),
        )
        for subject, name in _NAMES.items()
    ]


@hookimpl
async def enrich_person(
    request: EnrichmentRequest, settings: Settings, http: Http
) -> list[EnrichedTrait] | Unanswered:
    """Ask the endpoint that the provider is."""
    endpoint = _endpoint(settings, Subject.PERSON, request.provider)
    return await ask(http, settings, endpoint, of_person(request))


@hookimpl
async def enrich_account(
    request: AccountEnrichmentRequest, settings: Settings, http: Http
) -> list[EnrichedTrait] | Unanswered:
    """Ask the endpoint that the provider is."""
    endpoint = _endpoint(settings, Subject.ACCOUNT, request.provider)
    return await ask(http, settings, endpoint, of_account(request))


def _endpoint(settings: Settings, subject: Subject, provider: str) -> Endpoint:
    name = provider.removeprefix(f"{_NAMES[subject]}.")
    return next(one for one in settings.endpoints if one.subject is subject and one.name == name)
