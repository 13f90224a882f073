"""Lets pass what people agreed to: a guard of consent for what consent managers write into events.

| where | who writes it | form |
| --- | --- | --- |
| `context.consent.categoryPreferences` | Segment's consent wrappers | `{"Analytics": true, "Advertising": false}` |
| `context.consent.deniedConsentIds` | RudderStack and its consent managers | `["C0002"]` |
| the person's trait `consent` | your own forms | either of the two |

What an event says itself goes before what was kept of the person. It does nothing in a workspace until that turns it on
(`pluginEnable`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from cdp.hooks import hookimpl
from cdp.model import Batch, ConsentQuestion, PluginInfo, Purpose


class ConsentSettings(Struct, frozen=True, kw_only=True):
    """Which consent a purpose needs."""

    categories: dict[str, str] = field(
        default_factory=lambda: {
            Purpose.ANALYTICS.value: "Analytics",
            Purpose.PERSONALISATION.value: "Advertising",
            Purpose.SALES_OUTREACH.value: "Advertising",
        }
    )
    """By purpose the category, as your consent manager calls it; a purpose that is not here needs none."""
    unless_refused: bool = True
    """Whether what nobody was asked about may be used. False: only what people agreed to."""


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Stores and uses only what people agreed to, as their consent manager says.",
        opt_in=True,
        labels=frozenset({"privacy"}),
    )


@hookimpl
def register_settings() -> type[ConsentSettings]:
    """What a workspace may set."""
    return ConsentSettings


@hookimpl
def guard_consent(questions: Batch[ConsentQuestion], settings: ConsentSettings) -> dict[int, str]:
    """Those that may not be used."""
    refused: dict[int, str] = {}
    for index, question in enumerate(questions):
        category = settings.categories.get(question.purpose.value)
        if category is None:
            continue
        agreed = _agreed(question.said, category)
        if agreed is None:
            agreed = _agreed(question.known, category)
        if agreed is False:
            refused[index] = f"The person refused {category}, which {question.purpose.value} needs."
        elif agreed is None and not settings.unless_refused:
            refused[index] = f"Nobody agreed to {category}, which {question.purpose.value} needs."
    return refused


def _agreed(consent: Mapping[str, Any], category: str) -> bool | None:
    """What somebody said about a category; None: nothing."""
    preferences = consent.get("categoryPreferences")
    if isinstance(preferences, dict) and isinstance(preferences.get(category), bool):
        return bool(preferences[category])
    denied = consent.get("deniedConsentIds")
    if isinstance(denied, list):
        return category not in denied
    return None
