"""What became of a call of a plugin's function, as GraphQL says it."""

from __future__ import annotations

from typing import Any

from cdp.errors import DiptychError
from cdp.hooks.extending import Told
from cdp.hooks.outcomes import Failed, Outcome
from cdp.plan.running import Lost


def turned_off(plugin: str) -> Lost:
    """The error of what a plugin would answer that is off in the workspace."""
    return Lost(
        f"The plugin {plugin} is turned off in this workspace.", code="PLUGIN_DISABLED", plugin=plugin
    )


def answered(plugin: str, what: str, outcome: Outcome[Any]) -> Any | DiptychError:
    """The answer, or what the function has to say to whoever asks.

    Raises:
        Lost: there is none. What went wrong is for administrators: it may quote anybody's data.
    """
    if isinstance(outcome, Failed):
        raise Lost(f"The plugin {plugin} failed to answer {what}.", code="PLUGIN_FAILED", plugin=plugin)
    return outcome.value.error if isinstance(outcome.value, Told) else outcome.value
