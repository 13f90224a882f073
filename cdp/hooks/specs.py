"""Every hook that a plugin can implement.

A plugin is a module or an object with functions of these names, marked `@hookimpl`. It is given frozen values, never a
connection, an application or a request, and returns values, which the core checks, records with the plugin's name as
their source, and can take back. Name only the arguments that you use.

Order: a plugin that was registered later is asked earlier (those of the folder before installed ones, and of two
installed ones Z before A); `@hookimpl(tryfirst=True)` and `trylast=True` move one. Implementations may be `async def`.
Each call has a deadline (`CDP_HOOK_DEADLINE_MS`, 2 seconds) and runs in threads of its own plugin: a call that is late,
raises, or returns something else than its hook allows is without effect, is counted against the plugin by name, and
harms nobody else. After five such calls in a row the plugin is left alone for 30 seconds, in that hook.
"""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import PROJECT, hookimpl, hookspec
from cdp.hooks.surface.about import AboutHooks
from cdp.hooks.surface.changes import ChangeHooks
from cdp.hooks.surface.enrichment import EnrichmentHooks
from cdp.hooks.surface.events import EventHooks
from cdp.hooks.surface.extending import ExtendingHooks
from cdp.hooks.surface.identity import IdentityHooks
from cdp.hooks.surface.personalisation import PersonalisationHooks
from cdp.hooks.surface.roles import RoleHooks

__all__ = ["PROJECT", "Hooks", "hook_names", "hookimpl", "hookspec"]


class Hooks(
    AboutHooks,
    IdentityHooks,
    EventHooks,
    EnrichmentHooks,
    PersonalisationHooks,
    RoleHooks,
    ChangeHooks,
    ExtendingHooks,
    Protocol,
):
    """The hooks, by verb.

    `register_` collected once, `transform_` chained, `guard_` all must agree and fail closed, `resolve_` and `propose_`
    union, `enrich_` waterfall, `score_` contributions, `choose_` first answer, `veto_` one is enough, `on_` told after
    commit.
    """


def hook_names() -> frozenset[str]:
    """The names of all hooks."""
    marked = f"{PROJECT}_spec"
    return frozenset(name for name in dir(Hooks) if getattr(getattr(Hooks, name), marked, None) is not None)
