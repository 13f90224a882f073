"""The marks by which pluggy knows a hook and what implements it."""

from __future__ import annotations

import pluggy

PROJECT = "cdp"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
