"""The plugins of one application: loaded, checked, called, watched."""

from __future__ import annotations

import asyncio
import difflib
import inspect
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import pluggy
import structlog
from msgspec import Struct, structs

from cdp.errors import Misconfigured
from cdp.hooks import answers
from cdp.hooks.calls import Calls
from cdp.hooks.health import FailureKind, PluginHealth
from cdp.hooks.loading import Found, in_folder, installed
from cdp.hooks.outcomes import Outcome
from cdp.hooks.specs import PROJECT, Hooks
from cdp.model import (
    Candidate,
    EnrichedTrait,
    EnrichmentRequest,
    IdentifierKind,
    MembershipFacts,
    PersonalisationRequest,
    Role,
    RoleContribution,
    RoleKind,
)
from cdp.settings import Settings

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=Struct)

CORE_ROLES: Mapping[Role, str] = MappingProxyType(
    {
        Role.ECONOMIC_BUYER: "Has the authority to approve or make the purchase.",
        Role.END_USER: "Actually uses the product.",
        Role.INFLUENCER: "Uses or recommends, and moves the decision without owning it.",
        Role.CHAMPION: "An influencer who actively sells inside the account.",
        Role.CLIENT: "Buys professional services under a lasting relationship.",
        Role.TRIAL_USER: "Uses without having paid.",
        Role.THIRD_PARTY_USER: "Uses through someone else's account or an integration.",
        Role.ADVOCATE: "Co-creates value in public: reviews, posts, referrals.",
    }
)

_ROLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


class _Known(Struct, frozen=True, kw_only=True):
    """Where a plugin came from, and why it is not loaded."""

    name: str
    version: str
    source: str
    error: str | None = None


class Plugins:
    """The plugins of one application; `load` finds them, `register` adds one by hand.

    The arguments are those of `cdp.hooks.calls.Calls`.
    """

    def __init__(
        self,
        *,
        deadline: float = 2.0,
        threads: int = 4,
        failures_to_open: int = 5,
        open_seconds: float = 30.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(Hooks)
        self._calls = Calls(
            self._manager,
            deadline=deadline,
            threads=threads,
            failures_to_open=failures_to_open,
            open_seconds=open_seconds,
            monotonic=monotonic,
        )
        self._known: dict[str, _Known] = {}
        self._kinds: dict[str, tuple[str, IdentifierKind]] = {}
        self._roles: dict[str, tuple[str, RoleKind]] = {
            role.value: ("the core", RoleKind(name=role.value, description=description))
            for role, description in CORE_ROLES.items()
        }

    @classmethod
    def load(cls, settings: Settings) -> Plugins:
        """All installed plugins, and those in the folder that the settings name.

        A plugin that cannot be imported, or is not a plugin, is logged, listed with its error, and left out.

        Raises:
            Misconfigured: two plugins have one name or register one thing, or there is no such folder.
        """
        plugins = cls(deadline=settings.hook_deadline_ms / 1000)
        plugins.add(installed())
        if settings.plugins_dir is not None:
            plugins.add(in_folder(settings.plugins_dir))
        return plugins

    def add(self, found: Iterable[Found]) -> None:
        """Import and register plugins; one that fails is named, listed and left out.

        Raises:
            Misconfigured: two plugins have one name or register one thing.
        """
        for one in found:
            try:
                plugin = one.load()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever its import does
                self._leave_out(one.name, one.version, one.source, f"{type(error).__name__}: {error}")
                continue
            self.register(plugin, name=one.name, version=one.version, source=one.source)

    def register(self, plugin: object, *, name: str, version: str = "", source: str = "") -> None:
        """Add one plugin; one that is not fit is named, listed and left out.

        Raises:
            Misconfigured: another plugin has this name, or registers the same thing.
        """
        if name in self._known:
            raise Misconfigured(
                f"Two plugins are called {name!r}: one from {self._known[name].source or 'this program'}, "
                f"one from {source or 'this program'}; rename or remove one of them."
            )
        try:
            self._manager.register(plugin, name=name)
            self._check_implementations(plugin)
            kinds = self._collect(plugin, "register_identifier_kinds", IdentifierKind)
            roles = self._collect(plugin, "register_roles", RoleKind)
            self._check_registered(kinds, roles)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            if self._manager.has_plugin(name):
                self._manager.unregister(name=name)
            self._leave_out(name, version, source, _sentence(error))
            return
        self._known[name] = _Known(name=name, version=version, source=source)
        self._keep(
            name, self._kinds, [(kind.name, self._guarded(name, kind)) for kind in kinds], "identifier kind"
        )
        self._keep(name, self._roles, [(role.name, role) for role in roles], "role")

    def identifier_kinds(self) -> tuple[IdentifierKind, ...]:
        """The kinds that plugins registered; those of the core are not among them."""
        return tuple(kind for _, kind in self._kinds.values())

    def roles(self) -> Mapping[str, RoleKind]:
        """All roles by name, those of the core first."""
        return {name: role for name, (_, role) in self._roles.items()}

    def left_out(self) -> frozenset[str]:
        """Names of plugins that should be loaded and are not."""
        return frozenset(known.name for known in self._known.values() if known.error is not None)

    async def resolve_roles(
        self, memberships: Sequence[MembershipFacts], *, disabled: Collection[str] = ()
    ) -> list[dict[str, Outcome[tuple[RoleContribution, ...]]]]:
        """For each membership, what each plugin claims."""
        check = answers.role_contributions(self._roles.keys())
        return await self._calls.union("resolve_roles", memberships, check, disabled=disabled)

    async def enrich_person(
        self,
        requests: Sequence[EnrichmentRequest],
        *,
        wanted: Callable[[str, int], bool],
        disabled: Collection[str] = (),
    ) -> list[dict[str, Outcome[tuple[EnrichedTrait, ...]]]]:
        """For each person, what each plugin contributed that was `wanted(plugin, index of the person)`."""
        return await self._calls.waterfall(
            "enrich_person",
            requests,
            answers.enriched_traits,
            pass_on=_with_traits,
            wanted=wanted,
            disabled=disabled,
        )

    async def choose_personalisation(
        self, requests: Sequence[PersonalisationRequest], *, disabled: Collection[str] = ()
    ) -> list[tuple[str, Candidate] | None]:
        """For each request the first candidate, and the plugin that it is from."""
        return await self._calls.first(
            "choose_personalisation", requests, answers.candidate, disabled=disabled
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
                hooks=self._calls.health(known.name) if known.error is None else (),
            )
            for known in self._known.values()
        ]

    async def aclose(self) -> None:
        """Let go of the threads, at once even where one hangs."""
        await asyncio.to_thread(self._calls.close)

    def _check_implementations(self, plugin: object) -> None:
        callers = self._manager.get_hookcallers(plugin) or []
        if not callers:
            raise Misconfigured("it implements no hook; mark its functions with @hookimpl.")
        names = sorted(name for name in vars(Hooks) if not name.startswith("_"))
        for caller in callers:
            if not caller.has_spec():
                near = difflib.get_close_matches(caller.name, names, n=1)
                hint = f"did you mean {near[0]}?" if near else f"the hooks are {', '.join(names)}."
                raise Misconfigured(f"there is no hook {caller.name}; {hint}")
            for one in caller.get_hookimpls():
                if one.plugin is plugin and (one.wrapper or one.hookwrapper):
                    raise Misconfigured(f"its {caller.name} is a wrapper; hooks here cannot be wrapped.")

    def _collect(self, plugin: object, hook: str, kind: type[T]) -> list[T]:
        collected: list[T] = []
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        for one in caller.get_hookimpls():
            if one.plugin is not plugin:
                continue
            answer: Any = one.function()
            if inspect.iscoroutine(answer):
                answer.close()
                raise Misconfigured(f"its {hook} is async; it must be an ordinary function.")
            if not isinstance(answer, list | tuple) or not all(isinstance(item, kind) for item in answer):
                raise Misconfigured(f"its {hook} returned something else than a list of {kind.__name__}.")
            collected += answer
        return collected

    def _check_registered(self, kinds: Sequence[IdentifierKind], roles: Sequence[RoleKind]) -> None:
        for role in roles:
            if _ROLE_NAME.fullmatch(str(role.name)) is None:
                raise Misconfigured(f"{role.name!r} cannot be a role; write it like LEGAL_AND_COMPLIANCE.")
        for kind in kinds:
            if not callable(kind.normalise):
                raise Misconfigured(f"the identifier kind {kind.name!r} is not complete.")

    def _keep(
        self, plugin: str, table: dict[str, tuple[str, T]], items: Sequence[tuple[str, T]], what: str
    ) -> None:
        for name, item in items:
            if name in table:
                raise Misconfigured(
                    f"The {what} {name!r} is registered by {table[name][0]} and by {plugin}; disable one of them."
                )
            table[name] = (plugin, item)

    def _guarded(self, plugin: str, kind: IdentifierKind) -> IdentifierKind:
        """The kind with a `normalise` that cannot fail: what the plugin's cannot handle is no identifier."""

        def normalise(value: str, country: str) -> str | None:
            try:
                canonical = kind.normalise(value, country)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self._calls.count_failure(
                    plugin, "register_identifier_kinds", FailureKind.RAISED, f"normalise: {error}"
                )
                return None
            return canonical if isinstance(canonical, str) else None

        return structs.replace(kind, normalise=normalise)

    def _leave_out(self, name: str, version: str, source: str, error: str) -> None:
        log.error("plugin_left_out", plugin=name, source=source, error=error)
        self._known.setdefault(name, _Known(name=name, version=version, source=source, error=error))


def _with_traits(request: EnrichmentRequest, found: tuple[EnrichedTrait, ...]) -> EnrichmentRequest:
    """The request for the next plugin: what a person said of themselves outranks what was found out."""
    return structs.replace(request, traits={trait.key: trait.value for trait in found} | request.traits)


def _sentence(error: BaseException) -> str:
    if isinstance(error, Misconfigured):
        return error.message
    return f"{type(error).__name__}: {error}"
