"""Addresses of LinkedIn profiles, written in one way."""

from __future__ import annotations

import re

_ADDRESS = re.compile(
    r"(?:https?://)?(?:[a-z]{2,3}\.)?linkedin\.com/in/([\w%-]{3,100})/?(?:[?#].*)?", re.IGNORECASE
)
_NAME = re.compile(r"[\w%-]{3,100}")


def profile(value: str, _country: str) -> str | None:
    """What stands after `/in/`, in lower case; None: this is no profile."""
    text = value.strip()
    found = _ADDRESS.fullmatch(text)
    if found is not None:
        return found[1].lower()
    return text.lower() if _NAME.fullmatch(text) else None
