"""What the README tells about, and how to ask for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

TOLD = ("acct_000128", "acct_000301", "acct_000027", "acct_000147")
"""Goldgrove, Alderton, Birchcliff, Ashland."""

Ask = Callable[[str], Awaitable[dict[str, Any]]]


def quietly(what: str, done: int, total: int) -> None:
    """Nobody watches."""
