"""Calls of plugins' functions, and what became of them as GraphQL says it."""

from __future__ import annotations

from typing import Any

from cdp.graphql.context import Context
from cdp.hooks.calls import Check
from cdp.hooks.extending import Told
from cdp.hooks.implementation import Implementation
from cdp.hooks.outcomes import Failed
from cdp.plan.running import Lost


def turned_off(plugin: str) -> Lost:
    """The error of what a plugin would answer that is off in the workspace."""
    return Lost(
        f"The plugin {plugin} is turned off in this workspace.", code="PLUGIN_DISABLED", plugin=plugin
    )


async def ask(
    context: Context, function: Implementation, request: Any, check: Check[Any, Any], what: str
) -> Any:
    """What a plugin's function answers; `what` is what of the schema that is, in words.

    Raises:
        DiptychError: what it has to say to whoever asks.
        Lost: there is no answer. What went wrong is for administrators: it may quote anybody's data.
    """
    plugin, workspace = function.plugin, await context.workspace()
    outcome = await context.services.plugins.calls.one(function, request, check, workspace=workspace)
    if isinstance(outcome, Failed):
        raise Lost(f"The plugin {plugin} failed to answer {what}.", code="PLUGIN_FAILED", plugin=plugin)
    if isinstance(outcome.value, Told):
        raise outcome.value.error
    return outcome.value
