"""One request, and what its answer says."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

from cdp.errors import OutboundFailed, OutboundRefused
from cdp.model import EnrichedTrait, Http, HttpResponse, Unanswered
from diptych_http_enricher.endpoints import Endpoint, Settings
from diptych_http_enricher.templates import Known, Missing, encoded, fill, fill_json, names_in

_KNOWS_NOTHING = frozenset({204, 404, 410})
_LARGEST_VALUE = 8_000
"""Characters of a text that is kept."""


async def ask(
    http: Http, settings: Settings, endpoint: Endpoint, known: Known
) -> list[EnrichedTrait] | Unanswered:
    """Ask about one person or account; nothing is found where a placeholder stands for nothing."""
    try:
        answer = await _send(http, endpoint, known.values | _secrets(settings))
    except Missing as missing:
        unset = str(missing) in {"token", "token_2"}
        return Unanswered(reason=f"the setting {missing} is not set") if unset else []
    except OutboundRefused as error:
        return Unanswered(reason=error.message)
    except OutboundFailed as error:
        # Once it was sent, it may have been answered, and charged.
        cost = Decimal(0) if error.code == "OUTBOUND_UNREACHED" else Decimal(endpoint.cost)
        return Unanswered(reason=error.message, cost=cost)
    return _read(endpoint, known, answer)


def _read(endpoint: Endpoint, known: Known, answer: HttpResponse) -> list[EnrichedTrait] | Unanswered:
    if answer.status in _KNOWS_NOTHING:
        return []
    if not answer.ok:
        return _refusal(answer)
    try:
        return _traits(endpoint, known, answer.json())
    except OutboundFailed as error:
        return Unanswered(reason=error.message, cost=Decimal(endpoint.cost))


async def _send(http: Http, endpoint: Endpoint, values: dict[str, str]) -> HttpResponse:
    headers = {name: fill(value, values) for name, value in endpoint.headers.items()}
    return await http.request(
        endpoint.method,
        fill(endpoint.url, values, encoded),
        headers={"Accept": "application/json"} | headers,
        json=fill_json(endpoint.body, values) if endpoint.method == "POST" else None,
        # Before the call is given up on: a server that is slow is not this plugin's failure.
        timeout=3 * endpoint.latency_seconds,
    )


def _secrets(settings: Settings) -> dict[str, str]:
    named = {"token": settings.token, "token_2": settings.token_2}
    return {name: secret.reveal() for name, secret in named.items() if secret is not None}


def _traits(endpoint: Endpoint, known: Known, said: Any) -> list[EnrichedTrait]:
    if endpoint.found is not None and _at(said, endpoint.found) in (None, False):
        return []
    about = known.about(names_in(endpoint.url, endpoint.body))
    sure = _confidence(endpoint, said)
    return [
        EnrichedTrait(key=key, value=value, about=about, confidence=sure)
        for key, pointer in endpoint.fields.items()
        if (value := _at(said, pointer)) not in (None, "") and len(str(value)) <= _LARGEST_VALUE
    ]


def _refusal(answer: HttpResponse) -> Unanswered:
    wait = answer.retry_after() if answer.status in {429, 503} else None
    if wait is None and answer.status == 429:
        wait = 1.0
    return Unanswered(
        reason=f"HTTP status {answer.status}",
        retry_after=None if wait is None else timedelta(seconds=min(wait, 86_400)),
    )


def _confidence(endpoint: Endpoint, said: Any) -> float:
    if endpoint.confidence_at is None:
        return endpoint.confidence
    found = _at(said, endpoint.confidence_at)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return endpoint.confidence
    return min(1.0, max(0.01, float(found)))


def _at(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to; None: nothing."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
