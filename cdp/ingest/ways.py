"""Events on their way past the plugins, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, structs

from cdp.ingest.results import Remark
from cdp.model import AccountClaim, Classification, Event

NOTES = "diptych"
"""Key of an event's context under which is kept what plugins made of it."""


class Turned(Struct, frozen=True, kw_only=True):
    """An event that was not let pass."""

    code: str
    """`NO_CONSENT`, `WITHHELD`, or `HELD`: a guard could not be asked."""
    message: str


class Passed(Struct, frozen=True, kw_only=True):
    """An event as it may be stored."""

    event: Event
    remarks: tuple[Remark, ...] = ()


class Way(Struct, kw_only=True):
    """An event on its way."""

    event: Event
    now: datetime
    turned: Turned | None = None
    known: dict[str, Any] = {}
    redacted: dict[str, dict[str, int]] = {}
    classification: tuple[str, Classification] | None = None
    claim: tuple[str, AccountClaim] | None = None


def passed(way: Way) -> Passed:
    """As it may be stored, with what plugins made of it."""
    event = way.event
    if not way.redacted and way.classification is None and way.claim is None:
        return Passed(event=event)
    if notes := _notes(way):
        event = structs.replace(event, context={**event.context, NOTES: notes})
    return Passed(event=event, remarks=tuple(_remarks(way.redacted)))


def _notes(way: Way) -> dict[str, Any]:
    """What plugins made of an event, to be kept with it."""
    notes: dict[str, Any] = {}
    if way.redacted:
        notes["redacted"] = way.redacted
    if way.classification is not None:
        plugin, classification = way.classification
        notes["countsAs"] = classification.counts_as
        notes["classification"] = {"by": plugin, "reason": classification.reason}
    if way.claim is not None:
        plugin, claim = way.claim
        notes["account"] = {
            "by": plugin,
            "groupId": claim.group_id,
            "domain": claim.domain,
            "member": claim.member,
            "confidence": claim.confidence,
            "reason": claim.reason,
        }
    return notes


def _remarks(redacted: Mapping[str, Mapping[str, int]]) -> Iterable[Remark]:
    for plugin, found in redacted.items():
        what = ", ".join(f"{name} ({times})" for name, times in found.items())
        yield Remark(code="REDACTED", message=f"The plugin {plugin} took out: {what or 'some of it'}.")
