"""What a plugin is told after a commit, and what it does in its own time."""

from __future__ import annotations

from typing import Protocol


class ChangeHooks(Protocol):
    """Hooks of changes, jobs and the plugin's life."""
