"""Which form an answer takes: what the client accepts, and how much it likes each."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from functools import lru_cache

JSON_TYPE = "application/json"
RESPONSE_TYPE = "application/graphql-response+json"

_JSON_TYPES = frozenset({JSON_TYPE, RESPONSE_TYPE, "application/graphql+json", "application/*", "*/*"})


class StreamForm(Enum):
    """How a stream of answers is written into one response."""

    EVENTS = "text/event-stream"
    """Server-sent events, as graphql-sse and urql read them."""
    PARTS = "multipart/mixed"
    """Multipart subscriptions, as Apollo Client reads them."""


@lru_cache(256)
def media_type_of(accept: str) -> str:
    """The media type to answer with: JSON of old unless the client asks for the new one at least as much."""
    wanted = {JSON_TYPE: 0.0, RESPONSE_TYPE: 0.0}
    for name, quality, _ in _parts(accept):
        if name in wanted:
            wanted[name] = max(wanted[name], quality)
    return (
        RESPONSE_TYPE if wanted[RESPONSE_TYPE] and wanted[RESPONSE_TYPE] >= wanted[JSON_TYPE] else JSON_TYPE
    )


@lru_cache(256)
def takes_json(accept: str) -> bool:
    """Whether one answer in JSON will do. It is preferred then, whatever else the client would take."""
    return not accept.strip() or any(
        name in _JSON_TYPES and quality > 0 for name, quality, _ in _parts(accept)
    )


@lru_cache(256)
def stream_form_of(accept: str) -> StreamForm | None:
    """The form of a stream that the client likes best; None: it reads none that we write."""
    liked = [
        (quality, form)
        for name, quality, parameters in _parts(accept)
        for form in StreamForm
        if name == form.value
        and quality > 0
        # Without it, multipart/mixed means parts of one answer, as @defer has them.
        and (form is StreamForm.EVENTS or any(one.startswith("subscriptionspec=") for one in parameters))
    ]
    return max(liked, key=lambda one: one[0])[1] if liked else None


def _parts(accept: str) -> Iterator[tuple[str, float, list[str]]]:
    """Media type, quality and parameters of each thing that an Accept header names."""
    for part in accept.split(","):
        name, *parameters = (one.strip().lower() for one in part.split(";"))
        yield name, _quality(parameters), parameters


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
