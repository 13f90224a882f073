"""What makes a declared provider of enrichment unfit."""

from __future__ import annotations

import re
from datetime import timedelta

from cdp.errors import Misconfigured
from cdp.model import Provider, RateLimit

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LONGEST_NAME = 80
_MOST_FIELDS = 100
LONGEST_SPAN = timedelta(days=31)
"""Of a rate limit: so long every call is remembered."""


def check_provider(provider: Provider) -> None:
    """See that a provider can be asked and paid.

    Raises:
        Misconfigured: it cannot; the sentence begins with a small letter.
    """
    name = provider.name
    if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise Misconfigured(f"{name[:80]!r} cannot be a provider; write it like acme_people.")
    if not provider.cost.is_finite() or provider.cost < 0 or provider.cost.adjusted() > 12:
        raise Misconfigured(f"the cost of the provider {name} is not an amount.")
    if _CURRENCY.fullmatch(provider.currency) is None:
        raise Misconfigured(f"the currency of the provider {name} is not three capital letters.")
    if not 0 < provider.confidence <= 1:
        raise Misconfigured(f"the confidence of the provider {name} is not above 0 and at most 1.")
    if len(provider.fields) > _MOST_FIELDS or not all(field.strip() for field in provider.fields):
        raise Misconfigured(f"the provider {name} has fields without names, or more than {_MOST_FIELDS}.")
    if provider.at_once is not None and provider.at_once < 1:
        raise Misconfigured(f"the provider {name} may not be asked at all; let `at_once` be 1 or more.")
    _check_spans(provider)


def is_named_after(provider: Provider, registered: Provider) -> bool:
    """Whether a workspace's provider may stand in the place of one that was registered."""
    return provider.name == registered.name or provider.name.startswith(f"{registered.name}.")


def _check_spans(provider: Provider) -> None:
    nothing = timedelta(0)
    spans = [provider.latency, provider.miss_time_to_live]
    if provider.time_to_live is not None:
        spans.append(provider.time_to_live)
    if not all(span > nothing for span in spans):
        raise Misconfigured(f"a time of the provider {provider.name} is not above 0.")
    match provider.rate_limit:
        case RateLimit(calls=calls, per=per) if calls < 1 or not nothing < per <= LONGEST_SPAN:
            raise Misconfigured(
                f"the rate limit of the provider {provider.name} must allow 1 call or more in up to 31 days."
            )
