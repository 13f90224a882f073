"""Who can be asked on behalf of a workspace."""

from __future__ import annotations

import structlog
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.hooks.health import FailureKind
from cdp.hooks.manager import Plugins
from cdp.hooks.providers import check_provider, is_named_after
from cdp.model import Provider, Subject, Workspace

log = structlog.get_logger(__name__)

HOOKS = {Subject.PERSON: "enrich_person", Subject.ACCOUNT: "enrich_account"}


class Source(Struct, frozen=True, kw_only=True):
    """A provider, and the plugin that asks it."""

    provider: Provider
    plugin: str
    place: int
    """In the order in which plugins are asked: decides where nothing else does."""

    @property
    def name(self) -> str:
        """The provider's."""
        return self.provider.name

    @property
    def metered(self) -> bool:
        """Whether a call has to be granted first."""
        provider = self.provider
        return provider.cost > 0 or provider.rate_limit is not None or provider.at_once is not None


def sources_of(plugins: Plugins, workspace: Workspace, subject: Subject) -> tuple[Source, ...]:
    """The providers of one kind of subject that a workspace has, those of plugins that it has turned off left out.

    A plugin that declares none for the subject is one itself: free, without limits, of any field.
    """
    declared: dict[str, list[Provider]] = {}
    for plugin, provider in plugins.registered("register_providers"):
        if provider.subject is subject:
            declared.setdefault(plugin, []).append(provider)
    sources: list[Source] = []
    for one in plugins.calls.asked(HOOKS[subject], workspace):
        own = declared.get(one.plugin) or [Provider(name=one.plugin, subject=subject, time_to_live=None)]
        for provider in own:
            for meant in _meant(plugins, workspace, one.plugin, provider):
                sources.append(Source(provider=meant, plugin=one.plugin, place=len(sources)))
    return tuple(sources)


def _meant(plugins: Plugins, workspace: Workspace, plugin: str, provider: Provider) -> list[Provider]:
    """What stands in the workspace for a provider that was registered."""
    if provider.of_settings is None:
        return [provider]
    try:
        found = list(provider.of_settings(plugins.settings.of(plugin, workspace)))
        for one in found:
            if one.subject is not provider.subject or not is_named_after(one, provider):
                raise Misconfigured(f"it has another subject than {provider.name}, or a name of its own.")  # noqa: TRY301
            check_provider(one)
        if len({one.name for one in found}) != len(found):
            raise Misconfigured("two of its providers have one name.")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything
        # Not its own words: they may quote a secret.
        says = error.message if isinstance(error, Misconfigured) else type(error).__name__
        plugins.calls.count_failure(plugin, "register_providers", FailureKind.RAISED, f"of_settings: {says}")
        log.warning("plugin_failed", plugin=plugin, hook="register_providers", error=says)
        return []
    return found
