"""Takes personal data out of events before they are stored: a guard, so nothing passes while it does not work.

It looks at names, properties and contexts for e-mail addresses, phone numbers, card numbers (by their check digit) and
IBANs, and puts a word in their place: `ann@acme.com` becomes `[email]`. What identifies a person by intent, such as the
trait `email`, stays. It does nothing in a workspace until that turns it on (`pluginEnable`).
"""

from __future__ import annotations

from functools import lru_cache

from cdp.hooks import hookimpl
from cdp.model import Batch, Event, PluginInfo, Redacted
from diptych_redaction.redactor import Redactor
from diptych_redaction.settings import RedactionSettings


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Takes e-mail addresses, phone, card and bank numbers out of events before they are stored.",
        opt_in=True,
        labels=frozenset({"privacy"}),
    )


@hookimpl
def register_settings() -> type[RedactionSettings]:
    """What a workspace may set."""
    return RedactionSettings


@hookimpl
def guard_event(events: Batch[Event], settings: RedactionSettings) -> dict[int, Redacted]:
    """The events that held something, without it."""
    redactor = _redactor(settings)
    redacted: dict[int, Redacted] = {}
    for index, event in enumerate(events):
        if (found := redactor.redact(event)) is not None:
            redacted[index] = found
    return redacted


@lru_cache(maxsize=256)
def _redactor(settings: RedactionSettings) -> Redactor:
    return Redactor(settings)
