"""What an answer may not hold: words planted in each panel, in personal data and in other workspaces."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HIDDEN_PANELS: Mapping[str, frozenset[str]] = {
    "ADMIN": frozenset(),
    "SALES": frozenset({"usage"}),
    "SUPPORT": frozenset({"intent"}),
    "MARKETING": frozenset({"personal"}),
    "PARTNER": frozenset({"intent", "usage", "personal"}),
    "INGEST": frozenset({"intent", "usage", "personal", "open"}),
}
"""What each preset may not see of its own workspace."""

PANELS = ("intent", "usage", "personal", "open")

FIGURES: Mapping[tuple[str, str], str] = {
    ("our", "intent"): "86753.09",
    ("their", "intent"): "97531.24",
    ("scratch", "intent"): "64208.31",
}
"""Money that was paid, once."""

_PACKED = re.compile(r"[A-Za-z0-9_\-+/]{8,}={0,2}")


def word(side: str, panel: str) -> str:
    """What is planted in a panel of a workspace."""
    return f"{side}{panel}canary"


def hidden(side: str, role: str) -> frozenset[str]:
    """All that a role of a workspace may never read."""
    found = set()
    for other in ("our", "their", "scratch"):
        panels = PANELS if other != side else HIDDEN_PANELS[role]
        found |= {word(other, panel) for panel in panels}
        found |= {figure for (owner, panel), figure in FIGURES.items() if owner == other and panel in panels}
    return frozenset(found)


def seen(text: str, words: Iterable[str]) -> set[str]:
    """Those of the words that a text holds, be it packed in something opaque such as a cursor or an id."""
    haystack = "\n".join((text, *_unpacked(text))).lower()
    return {one for one in words if one in haystack}


def _unpacked(text: str) -> Iterable[str]:
    for packed in set(_PACKED.findall(text)):
        for alphabet in (base64.b64decode, base64.urlsafe_b64decode):
            try:
                yield alphabet(packed + "=" * (-len(packed) % 4)).decode("utf-8", "ignore")
            except (binascii.Error, ValueError):
                continue


def allowed(side: str, role: str) -> frozenset[str]:
    """What a role of a workspace may read of what is planted there."""
    return frozenset(word(side, panel) for panel in PANELS) - hidden(side, role)


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers and body in one text."""

    status: int
    text: str


def wrong_with(answer: Answer, asked: str, words: Iterable[str]) -> str | None:
    """A sentence; None: nothing. What was asked may come back: it was known before."""
    if answer.status >= 500:
        return f"the status is {answer.status}"
    if '"code":"INTERNAL"' in answer.text or '"code":"UNAVAILABLE"' in answer.text:
        return "it failed by our fault"
    known = seen(asked, words)
    if leaked := seen(answer.text, set(words) - known):
        return f"it holds {', '.join(sorted(leaked))}"
    return None
