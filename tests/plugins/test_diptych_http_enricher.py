"""The configurable JSON enricher: what may be set, what is sent, and what an answer says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from cdp.errors import OutboundFailed, OutboundRefused
from cdp.hooks.settings import PluginSettings
from cdp.model import (
    EnrichedTrait,
    EnrichmentRequest,
    HttpResponse,
    Identifier,
    ProfileId,
    Secret,
    Subject,
    Unanswered,
)
from diptych_http_enricher import Endpoint, Settings
from diptych_http_enricher.asking import ask
from diptych_http_enricher.endpoints import providers
from diptych_http_enricher.templates import of_person

EMAIL = Identifier("email", "a&b=c/../d?x#y@acme.com")
TITLE = {"title": "/person/titles/0"}


class Wire:
    """Notes what is sent, and answers as told."""

    def __init__(self, answer: HttpResponse | Exception) -> None:
        self.answer = answer
        self.sent: list[tuple[str, str, Mapping[str, str], Any]] = []

    async def request(self, method: str, url: str, **given: Any) -> HttpResponse:
        self.sent.append((method, url, given["headers"], given["json"]))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def says(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    return HttpResponse(status=status, headers=headers, body=msgspec.json.encode(body), url="")


def endpoint(**changes: Any) -> Endpoint:
    values = {"name": "people", "url": "https://x.example/v1?of={email}", "fields": TITLE, "cost": "0.05"}
    return msgspec.convert(values | changes, Endpoint)


async def asked(answer: HttpResponse | Exception, *, token: str | None = "s3cret", **changes: Any) -> Any:
    request = EnrichmentRequest(
        profile_id=ProfileId(1),
        identifiers=(Identifier("user_id", "ada"), EMAIL),
        traits={"company_domain": "acme.com", "vip": True},
        default_country="US",
        as_of=datetime(2026, 3, 4, tzinfo=UTC),
    )
    wire = Wire(answer)
    settings = Settings(token=None if token is None else Secret(token))
    found = await ask(wire, settings, endpoint(**changes), of_person(request))  # type: ignore[arg-type]
    return found, wire.sent


async def test_placeholders_are_filled_in_and_cannot_leave_their_place() -> None:
    """In a URL percent-encoded, in JSON as text; the trait is about the identifier that was sent."""
    answer = says({"person": {"titles": ["CTO"]}})
    found, sent = await asked(
        answer,
        method="POST",
        headers={"X-Key": "{token}"},
        body={"who": ["{email}"], "at": "{traits.company_domain}", "n": 1},
    )
    assert found == [EnrichedTrait(key="title", value="CTO", about=EMAIL, confidence=0.8)]
    assert sent == [
        (
            "POST",
            "https://x.example/v1?of=a%26b%3Dc%2F..%2Fd%3Fx%23y%40acme.com",
            {"Accept": "application/json", "X-Key": "s3cret"},
            {"who": [EMAIL.value], "at": "acme.com", "n": 1},
        )
    ]


async def test_nobody_is_asked_where_a_placeholder_stands_for_nothing() -> None:
    """A person without a phone is unknown; a secret that is not set is a failure that says so."""
    assert await asked(says({}), url="https://x.example/{phone}") == ([], [])
    assert await asked(says({}), url="https://x.example/{traits.vip}") == ([], [])
    found, sent = await asked(says({}), headers={"X": "{token}"}, token=None)
    assert (found, sent) == (Unanswered(reason="the setting token is not set"), [])


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (says({}, 404), []),
        (says({}, 204), []),
        (says({"person": None}), []),
        (says({"person": {"titles": []}}), []),
        (says({"person": {"titles": [""]}}), []),
        (says([]), []),
        (says({}, 500), Unanswered(reason="HTTP status 500")),
        (says({}, 402), Unanswered(reason="HTTP status 402")),
        (says({}, 429), Unanswered(reason="HTTP status 429", retry_after=timedelta(seconds=1))),
        (
            says({}, 503, **{"retry-after": "30"}),
            Unanswered(reason="HTTP status 503", retry_after=timedelta(seconds=30)),
        ),
        (
            says(
                {},
                429,
                **{"retry-after": "Wed, 04 Mar 2026 12:01:00 GMT", "date": "Wed, 04 Mar 2026 12:00:00 GMT"},
            ),
            Unanswered(reason="HTTP status 429", retry_after=timedelta(minutes=1)),
        ),
        (OutboundFailed("late"), Unanswered(reason="late", cost=Decimal("0.05"))),
        (OutboundFailed("down", code="OUTBOUND_UNREACHED"), Unanswered(reason="down")),
        (OutboundRefused("not public"), Unanswered(reason="not public")),
    ],
)
async def test_an_answer_is_a_finding_a_miss_or_none_at_all(
    answer: HttpResponse | Exception, found: Any
) -> None:
    """What may have been charged is said to have been."""
    assert (await asked(answer))[0] == found


async def test_how_sure_an_answer_is_it_may_say_itself() -> None:
    """Between 0 and 1, whatever it says; where it says nothing, the endpoint does."""
    for sure, kept in ((0.35, 0.35), (7, 1.0), (-1, 0.01), (True, 0.8), ("high", 0.8), (None, 0.8)):
        answer = says({"person": {"titles": ["CTO"]}, "sure": sure})
        (trait,), _ = await asked(answer, confidence_at="/sure")
        assert trait.confidence == kept
    assert (await asked(says({"ok": False, "person": {"titles": ["CTO"]}}), found="/ok"))[0] == []


@pytest.mark.parametrize(
    ("changes", "needle"),
    [
        ({"url": "https://{email}.example/"}, "host without placeholders"),
        ({"url": "ftp://x.example/{email}"}, "host without placeholders"),
        ({"url": "https://x.example/"}, "whom it is about"),
        ({"url": "https://x.example/{token}"}, "whom it is about"),
        ({"fields": {}}, "gives nothing"),
        ({"fields": {"a": "person.title"}}, "begins with /"),
        ({"cost": "five"}, "decimal"),
        ({"cost": "-1"}, "decimal"),
        ({"name": "My API"}, "small letters"),
        ({"currency": "euro"}, "regex"),
        ({"speed": 1}, "unknown field"),
    ],
)
def test_an_endpoint_that_cannot_work_cannot_be_set(changes: dict[str, Any], needle: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(msgspec.ValidationError, match=needle):
        endpoint(**changes)


def test_settings_become_providers_and_a_secret_is_never_shown() -> None:
    """By subject, with price, limits and times; the defaults ask nobody."""
    held = PluginSettings()
    held.declare("http", Settings)
    assert providers(Subject.PERSON, "http_people", Settings()) == []
    settings = Settings(endpoints=(endpoint(calls=5, per_seconds=2, days=3), endpoint(subject="ACCOUNT")))
    (provider,) = providers(Subject.PERSON, "http_people", settings)
    assert (provider.name, provider.cost, provider.time_to_live) == (
        "http_people.people",
        Decimal("0.05"),
        timedelta(days=3),
    )
    assert provider.rate_limit is not None
    assert (provider.rate_limit.calls, provider.rate_limit.per) == (5, timedelta(seconds=2))
    with pytest.raises(ValueError, match="one name"):
        Settings(endpoints=(endpoint(), endpoint()))
