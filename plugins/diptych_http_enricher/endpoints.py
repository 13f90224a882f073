"""What a workspace sets: endpoints, each a provider."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from cdp.model import Charged, Provider, RateLimit, Secret, Subject
from diptych_http_enricher.templates import names_in

_NAME = re.compile(r"[a-z0-9_]{1,40}")
_URL = re.compile(r"https?://[^/?#{}]+([/?#].*)?", re.DOTALL)
_DAY = timedelta(days=1)

Positive = Annotated[float, Meta(gt=0)]


class Endpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One API.

    In texts, `{email}`, `{phone}` or any other kind of identifier stand for a person's; `{domain}`, `{name}` and
    `{group_id}` for an account's; `{traits.KEY}` for a trait that is known; `{token}` and `{token_2}` for secrets.
    """

    name: str
    """Small letters and digits; the provider is `http_people.NAME` or `http_accounts.NAME`."""
    url: str
    """With placeholders behind the host only, which are percent-encoded."""
    fields: dict[str, str]
    """Key of the trait → where its value is in the answer, as a JSON pointer: `/person/titles/0`."""
    subject: Subject = Subject.PERSON
    method: Literal["GET", "POST"] = "GET"
    headers: dict[str, str] = {}
    body: Any = None
    """JSON, sent with POST; placeholders in its texts are filled in."""
    found: str | None = None
    """A JSON pointer that leads to nothing, null or false where the API knows nothing; None: the fields tell."""
    confidence: Annotated[float, Meta(gt=0, le=1)] = 0.8
    confidence_at: str | None = None
    """A JSON pointer to a number from 0 to 1 that says how sure the answer is; None: `confidence` holds."""
    cost: str = "0"
    """The most that a call costs, as a decimal."""
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] = "USD"
    charged: Charged = Charged.HIT
    priority: int = 50
    calls: Annotated[int, Meta(ge=1)] | None = None
    """At most so many in any span of `per_seconds`."""
    per_seconds: Annotated[float, Meta(gt=0, le=31 * 86_400)] = 1.0
    at_once: Annotated[int, Meta(ge=1, le=16)] = 4
    latency_seconds: Annotated[float, Meta(gt=0, le=30)] = 1.0
    days: Positive = 30.0
    """How long an answer is good for."""
    miss_days: Positive = 7.0
    """How long it is remembered that it knew nothing."""

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError("the name of an endpoint is of small letters, digits and _")
        if _URL.fullmatch(self.url) is None:
            raise ValueError("a URL begins with https:// or http:// and a host without placeholders")
        if not self.fields:
            raise ValueError("an endpoint without fields gives nothing")
        if not any(not one.startswith("token") for one in names_in(self.url, self.body)):
            raise ValueError(
                "neither the URL nor the body says whom it is about; use a placeholder such as {email}"
            )
        pointers = [*self.fields.values(), self.found or "", self.confidence_at or ""]
        if not all(one == "" or one.startswith("/") for one in pointers):
            raise ValueError("a JSON pointer begins with /")
        try:
            fits = 0 <= Decimal(self.cost) < 1_000_000
        except InvalidOperation:
            fits = False
        if not fits:
            raise ValueError("a cost is a decimal such as 0.05")


class Settings(Struct, frozen=True, kw_only=True):
    """Of one workspace."""

    endpoints: tuple[Endpoint, ...] = ()
    token: Secret | None = None
    token_2: Secret | None = None

    def __post_init__(self) -> None:
        names = [(one.subject, one.name) for one in self.endpoints]
        if len(set(names)) != len(names):
            raise ValueError("two endpoints of one subject have one name")


def providers(subject: Subject, prefix: str, settings: Settings) -> list[Provider]:
    """The endpoints as providers."""
    return [
        Provider(
            name=f"{prefix}.{one.name}",
            subject=subject,
            fields=tuple(one.fields),
            cost=Decimal(one.cost),
            currency=one.currency,
            charged=one.charged,
            latency=timedelta(seconds=one.latency_seconds),
            rate_limit=None
            if one.calls is None
            else RateLimit(calls=one.calls, per=timedelta(seconds=one.per_seconds)),
            at_once=one.at_once,
            time_to_live=one.days * _DAY,
            miss_time_to_live=one.miss_days * _DAY,
            confidence=one.confidence,
            priority=one.priority,
        )
        for one in settings.endpoints
        if one.subject is subject
    ]
