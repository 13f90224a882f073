"""The plugins of one application: loaded, checked, called, watched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import pluggy
import structlog
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.hooks import answers, core_roles
from cdp.hooks.additions import check_addresses, check_labels, check_prefix
from cdp.hooks.admission import (
    about_of,
    called_once,
    check_run,
    collect,
    implementations_of,
    may_move,
    missing_guard,
    never_failing,
    sentence,
)
from cdp.hooks.calls import Calls
from cdp.hooks.health import PluginHealth
from cdp.hooks.implementation import Implementation, stand_in
from cdp.hooks.loading import GUARDS, Found, guards, in_folder, installed
from cdp.hooks.offers import Offers
from cdp.hooks.outcomes import Outcome
from cdp.hooks.registers import REGISTERS
from cdp.hooks.running import Runner
from cdp.hooks.settings import PluginSettings
from cdp.hooks.specs import PROJECT, Hooks
from cdp.model import (
    AccountEnrichmentRequest,
    Candidate,
    EnrichedTrait,
    EnrichmentRequest,
    IdentifierKind,
    MembershipFacts,
    PersonalisationRequest,
    PluginInfo,
    RoleContribution,
    RoleKind,
    Unanswered,
    Workspace,
)
from cdp.settings import Settings

log = structlog.get_logger(__name__)


class _Known(Struct, frozen=True, kw_only=True):
    """Where a plugin came from, and why it is not loaded."""

    name: str
    version: str
    source: str
    error: str | None = None
    info: PluginInfo = PluginInfo()
    hooks: tuple[str, ...] = ()


class Plugins:
    """The plugins of one application; `load` finds them, `register` adds one by hand.

    The arguments are those of `cdp.hooks.running.Runner`.
    """

    def __init__(
        self,
        *,
        deadline: float = 2.0,
        threads: int = 4,
        failures_to_open: int = 5,
        open_seconds: float = 30.0,
        memory: int = 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self.settings = PluginSettings()
        """The plugins' own settings."""
        self.offers = Offers(self.settings.of)
        """What hooks may be given beside their arguments."""
        self.runner = Runner(
            self.offers,
            deadline=deadline,
            threads=threads,
            failures_to_open=failures_to_open,
            open_seconds=open_seconds,
            memory=memory,
            monotonic=monotonic,
        )
        """Makes the calls."""
        self.calls = Calls(self._manager, self.runner)
        """The rules by which hooks are called."""
        self._known: dict[str, _Known] = {}
        self._registered: dict[str, list[tuple[str, Any]]] = {hook: [] for hook in REGISTERS}
        self._registered["register_roles"] += [("the core", kind) for kind in core_roles.KINDS]

    @classmethod
    def load(cls, settings: Settings, *, found: Iterable[Found] | None = None) -> Plugins:
        """All installed plugins, and those in the folder that the settings name; or those that were `found`.

        A plugin that cannot be imported, or is not a plugin, is logged, listed with its error, and left out.

        Raises:
            Misconfigured: two plugins have one name or register one thing, there is no such folder, or a plugin that
                guards events cannot be loaded.
        """
        plugins = cls(deadline=settings.hook_deadline_ms / 1000, memory=settings.hook_memory_mb * 1024 * 1024)
        if found is not None:
            plugins.add(found)
            return plugins
        plugins.add(installed())
        if settings.plugins_dir is not None:
            plugins.add(in_folder(settings.plugins_dir))
        return plugins

    def add(self, found: Iterable[Found]) -> None:
        """Import and register plugins; one that fails is named, listed and left out.

        Raises:
            Misconfigured: two plugins have one name or register one thing, or one that guards events fails.
        """
        for one in found:
            try:
                plugin = one.load()
            except (Exception, SystemExit) as error:
                says = f"{type(error).__name__}: {error}"
                if guards(one):
                    raise missing_guard(one.name, says) from error
                self._leave_out(one.name, one.version, one.source, says)
                continue
            self.register(plugin, name=one.name, version=one.version, source=one.source, address=one.address)

    def register(
        self,
        plugin: object,
        *,
        name: str,
        version: str = "",
        source: str = "",
        address: tuple[str, str] | None = None,
    ) -> None:
        """Add one plugin; one that is not fit is named, listed and left out.

        `address` says how another process finds it (`cdp.hooks.loading.Found`).

        Raises:
            Misconfigured: another plugin has this name, or registers the same thing, or it guards events and is not
                fit.
        """
        if name in self._known:
            raise Misconfigured(
                f"Two plugins are called {name!r}: one from {self._known[name].source or 'this program'}, "
                f"one from {source or 'this program'}; rename or remove one of them."
            )
        try:
            shown = stand_in(self._manager, plugin, name)
            self._manager.register(shown, name=name)
            implementations = implementations_of(self._manager, shown)
            info = about_of(implementations)
            check_run(info, implementations, address)
            self._declare_settings(name, implementations)
            collected = {hook: collect(implementations, hook, kind) for hook, kind in REGISTERS.items()}
            check_prefix(name, collected["register_commands"])
            check_addresses(collected["register_routes"])
            check_labels(info, collected["register_fields"], others=self.labels())
        except (Exception, SystemExit) as error:
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            if any(hasattr(plugin, hook) for hook in GUARDS):
                raise missing_guard(name, sentence(error)) from error
            self._leave_out(name, version, source, sentence(error))
            return
        if info.run == "process" and address is not None:
            self.runner.run_in_processes(name, address)
        elif address is not None and may_move(implementations):
            self.runner.may_move(name, address)
        self._known[name] = _Known(
            name=name, version=version, source=source, info=info, hooks=tuple(sorted(implementations))
        )
        if info.opt_in:
            self.calls.opt_in.add(name)
        for hook, items in collected.items():
            self._keep(name, hook, items)
        self.calls.learn()

    def registered(self, hook: str) -> list[tuple[str, Any]]:
        """What plugins registered by a hook of `REGISTERS`, each with its plugin, in the order of loading."""
        return list(self._registered[hook])

    def identifier_kinds(self) -> tuple[IdentifierKind, ...]:
        """The kinds that plugins registered; those of the core are not among them."""
        return tuple(
            never_failing(self.calls, plugin, kind)
            for plugin, kind in self._registered["register_identifier_kinds"]
        )

    def labels(self) -> Mapping[str, str]:
        """The labels that plugins declare (`PluginInfo.reveals`), each with its plugin."""
        return {label: name for name, known in self._known.items() for label in known.info.reveals}

    def roles(self) -> Mapping[str, RoleKind]:
        """All roles by name, those of the core first."""
        return {role.name: role for _, role in self._registered["register_roles"]}

    def left_out(self) -> frozenset[str]:
        """Names of plugins that should be loaded and are not."""
        return frozenset(known.name for known in self._known.values() if known.error is not None)

    async def resolve_roles(
        self,
        memberships: Sequence[MembershipFacts],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
    ) -> list[dict[str, Outcome[tuple[RoleContribution, ...]]]]:
        """For each membership, what each plugin claims."""
        check = answers.role_contributions(self.roles().keys())
        return await self.calls.union(
            "resolve_roles", memberships, check, workspace=workspace, disabled=disabled
        )

    async def enrich_person(
        self,
        requests: Sequence[EnrichmentRequest],
        *,
        wanted: Callable[[str, int], bool],
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        deadline: float | None = None,
    ) -> list[dict[str, Outcome[tuple[EnrichedTrait, ...] | Unanswered]]]:
        """For each person, what each plugin contributed that was `wanted(plugin, index of the person)`."""
        return await self.calls.waterfall(
            "enrich_person",
            requests,
            answers.enriched_traits,
            pass_on=answers.with_traits,
            wanted=wanted,
            workspace=workspace,
            disabled=disabled,
            deadline=deadline,
        )

    async def enrich_account(
        self,
        requests: Sequence[AccountEnrichmentRequest],
        *,
        wanted: Callable[[str, int], bool],
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        deadline: float | None = None,
    ) -> list[dict[str, Outcome[tuple[EnrichedTrait, ...] | Unanswered]]]:
        """For each account, what each plugin contributed that was `wanted(plugin, index of the account)`."""
        return await self.calls.waterfall(
            "enrich_account",
            requests,
            answers.enriched_traits,
            pass_on=answers.with_traits,
            wanted=wanted,
            workspace=workspace,
            disabled=disabled,
            deadline=deadline,
        )

    async def propose_personalisation(
        self,
        requests: Sequence[PersonalisationRequest],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
    ) -> list[dict[str, Outcome[tuple[Candidate, ...]]]]:
        """For each request, what each plugin proposes, in the order of asking."""
        return await self.calls.union(
            "propose_personalisation",
            requests,
            answers.candidates,
            workspace=workspace,
            disabled=disabled,
            budget=5.0,
        )

    async def choose_personalisation(
        self,
        requests: Sequence[PersonalisationRequest],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
    ) -> list[tuple[str, Candidate] | None]:
        """For each request the first candidate, and the plugin that it is from."""
        return await self.calls.first(
            "choose_personalisation", requests, answers.candidate, workspace=workspace, disabled=disabled
        )

    def health(self) -> list[PluginHealth]:
        """Every plugin, loaded or not, in the order of loading."""
        return [
            PluginHealth(
                name=known.name,
                version=known.version,
                source=known.source,
                loaded=known.error is None,
                error=known.error,
                hooks=self.runner.ledger.health(known.name, known.hooks),
                info=known.info,
                blocked_seconds=self.runner.ledger.blocked_seconds[known.name],
                memory_bytes=self.runner.ledger.memory_bytes[known.name],
            )
            for known in self._known.values()
        ]

    async def aclose(self) -> None:
        """Let go of the threads, at once even where one hangs."""
        await self.runner.end_processes()
        await asyncio.to_thread(self.runner.close)

    def _declare_settings(self, plugin: str, implementations: Mapping[str, Implementation]) -> None:
        if (declared := implementations.get("register_settings")) is not None:
            self.settings.declare(plugin, called_once(declared))

    def _keep(self, plugin: str, hook: str, items: Sequence[Any]) -> None:
        register = REGISTERS[hook]
        for item in items:
            if register.name is not None:
                name = register.name(item)
                for owner, other in self._registered[hook]:
                    if register.name(other) == name:
                        raise Misconfigured(
                            f"The {register.what} {name!r} is registered by {owner} and by {plugin}; "
                            "disable one of them."
                        )
            self._registered[hook].append((plugin, item))

    def _leave_out(self, name: str, version: str, source: str, error: str) -> None:
        log.error("plugin_left_out", plugin=name, source=source, error=error)
        self._known.setdefault(name, _Known(name=name, version=version, source=source, error=error))
