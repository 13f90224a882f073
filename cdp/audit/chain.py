"""The chain, purely: entries as canonical JSON, and the hash by which each holds the one before it."""

from __future__ import annotations

import hashlib
import json


def canonical(value: object) -> str:
    """JSON in one form only: names in order, no spaces, as RFC 8785 has it for what entries hold.

    Raises:
        TypeError: there is something else than JSON in it.
        ValueError: there is a number that JSON has not.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(previous: bytes, text: bytes) -> bytes:
    """The hash of an entry: SHA-256 of the one before it (of nothing before the first) and of its text."""
    return hashlib.sha256(previous + text).digest()
