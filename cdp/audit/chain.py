"""The chain, purely: entries as canonical JSON, and the hash by which each holds the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of a workspace's log."""

    workspace: int
    sequence: int
    """1, 2, 3 … without a gap."""
    at: datetime
    principal: str
    """Stable name of who did it: `key:12`, `token:3:ann`, `operator`, …"""
    name: str
    """What people called that principal at the time."""
    role: str
    purpose: str | None
    act: str
    object: str
    detail: dict[str, Any]
    hash: bytes


def canonical(value: object) -> str:
    """JSON in one form only: names in order, no spaces, as RFC 8785 has it for what entries hold.

    Raises:
        TypeError: there is something else than JSON in it.
        ValueError: there is a number that JSON has not.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def text_of(entry: Entry) -> str:
    """What is hashed of an entry, as `cdp.audit_text` says it in SQL."""
    return canonical(fields_of(entry))


def fields_of(entry: Entry) -> Mapping[str, Any]:
    """An entry without its hash, as JSON has it."""
    return {
        "act": entry.act,
        "at": entry.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "detail": entry.detail,
        "name": entry.name,
        "object": entry.object,
        "principal": entry.principal,
        "purpose": entry.purpose,
        "role": entry.role,
        "sequence": entry.sequence,
        "workspace": entry.workspace,
    }


def digest(previous: bytes, text: str) -> bytes:
    """The hash of an entry: SHA-256 of the one before it (of nothing before the first) and of its text."""
    return hashlib.sha256(previous + text.encode()).digest()
