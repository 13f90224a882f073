"""What a plugin adds to GraphQL, HTTP and the command line."""

from __future__ import annotations

from typing import Protocol


class ExtendingHooks(Protocol):
    """Hooks that extend the surface of the core."""
