"""The calling rules: who is asked in which order, and what becomes of the answers.

pluggy keeps the implementations and their order; calling them is done here and in `running`, because a plugin must have
a deadline, may be asynchronous, and must not take its neighbours with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import SimpleNamespace
from typing import Any, TypeVar

import pluggy
from msgspec import Struct

from cdp.hooks.courses import Chain, First, Guard, Union, Wanted, Waterfall
from cdp.hooks.health import FailureKind
from cdp.hooks.implementation import Implementation, implementation_of
from cdp.hooks.lane import AnyCourse
from cdp.hooks.outcomes import Answered, Failed, Held, Outcome
from cdp.hooks.running import Check, Runner
from cdp.hooks.specs import hook_names
from cdp.model import Workspace, WorkspaceId

__all__ = ["Calls", "Check", "Wanted", "told"]

Q = TypeVar("Q", bound=Struct)
A = TypeVar("A")


_REMEMBERED = 5_000
"""Hooks of workspaces for which is remembered who is asked."""


class Calls:
    """Calls hooks of one application's plugins, each hook having one argument.

    Every rule takes:

    - `hook`, which; `requests`, what to ask about; `check`, of the answers;
    - `workspace`, on whose behalf; None: nobody's, so that settings are the defaults;
    - `disabled`, plugins that are not to be asked, besides those that the workspace has turned off;
    - `budget`, the time in seconds after which a plugin is asked no further.

    Args:
        manager: holds the implementations.
        runner: makes the calls.
    """

    def __init__(self, manager: pluggy.PluginManager, runner: Runner) -> None:
        self._manager = manager
        self._runner = runner
        self.implementing = SimpleNamespace()
        """For each hook, as an attribute of its name, who implements it, in calling order: a tuple, empty where nobody
        does, so that who would pay for asking need not."""
        self.opt_in: set[str] = set()
        """Plugins that do nothing in a workspace until that turns them on."""
        self._on_in: dict[tuple[str, WorkspaceId], tuple[Workspace, tuple[Implementation, ...]]] = {}
        self.learn()

    def count_failure(self, plugin: str, hook: str, kind: FailureKind, error: str) -> None:
        """Count a failure that happened outside these rules."""
        self._runner.count_failure(plugin, hook, kind, error)

    def learn(self) -> None:
        """Look anew who implements what: a plugin was added."""
        self._on_in.clear()
        for hook in hook_names():
            caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
            found = tuple(implementation_of(one) for one in reversed(caller.get_hookimpls()))
            setattr(self.implementing, hook, found)

    def asked(
        self, hook: str, workspace: Workspace | None, disabled: Collection[str] = ()
    ) -> tuple[Implementation, ...]:
        """Who is asked on behalf of a workspace, in calling order; empty: nobody."""
        found: tuple[Implementation, ...] = getattr(self.implementing, hook)
        if not found:
            return found
        if workspace is None or disabled:
            return self._on(found, workspace, disabled)
        # A workspace is the same object until something of it changes; most questions are about few of them.
        known = self._on_in.get((hook, workspace.workspace_id))
        if known is None or known[0] is not workspace:
            if len(self._on_in) >= _REMEMBERED:
                self._on_in.clear()
            known = workspace, self._on(found, workspace, ())
            self._on_in[hook, workspace.workspace_id] = known
        return known[1]

    def _on(
        self, found: tuple[Implementation, ...], workspace: Workspace | None, disabled: Collection[str]
    ) -> tuple[Implementation, ...]:
        off = disabled if workspace is None else workspace.disabled_plugins.union(disabled)
        if workspace is not None and self.opt_in:
            off = self.opt_in.difference(workspace.plugins).union(off)
        return tuple(one for one in found if one.plugin not in off) if off else found

    def is_off(self, plugin: str, workspace: Workspace) -> bool:
        """Whether a plugin does nothing for a workspace."""
        waits = plugin in self.opt_in and plugin not in workspace.plugins
        return waits or plugin in workspace.disabled_plugins

    async def one(
        self,
        function: Implementation,
        request: Q,
        check: Check[Q, A],
        *,
        workspace: Workspace | None,
        deadline: float | None = None,
    ) -> Outcome[A]:
        """Call one function that a plugin registered, such as the resolver of a field.

        Whoever calls has looked whether the plugin is on in the workspace. `deadline` is in seconds; None: that of all
        hooks.
        """
        course: Union[Q, A] = Union([request], None)
        await self._runner.run(
            [function], course, check, workspace=workspace, budget=deadline or 20.0, deadline=deadline
        )
        found = course.answers([function.plugin])[0].get(function.plugin)
        return found if found is not None else Failed(FailureKind.SKIPPED, "it was not asked")

    async def ask(
        self,
        implementations: Sequence[Implementation],
        course: AnyCourse,
        check: Check[Any, Any],
        *,
        workspace: Workspace | None,
        budget: float = 5.0,
    ) -> None:
        """Have some of `asked` asked, one after the other, by a rule of the caller's own."""
        if implementations:
            await self._runner.run(implementations, course, check, workspace=workspace, budget=budget)

    async def ask_all(
        self,
        parts: Sequence[tuple[Sequence[Implementation], AnyCourse, Check[Any, Any]]],
        *,
        workspace: Workspace | None,
        budget: float,
    ) -> None:
        """Have some of `asked` asked by several hooks, one after the other, by rules of the caller's own."""
        await self._runner.run_all(parts, workspace=workspace, budget=budget)

    async def union(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        wanted: Wanted | None = None,
        only: str | None = None,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 20.0,
    ) -> list[dict[str, Outcome[A]]]:
        """Ask every plugin about every request, all plugins at once: for each request, what each plugin said.

        The rule of `resolve_`, `propose_`, `score_`, and, with the check `told`, of `on_`. `wanted`, given a plugin and
        the index of a request, says whether that plugin is to be asked about it; `only` names the one to be asked.
        """
        course: Union[Q, A] = Union(requests, wanted)
        implementations = self.asked(hook, workspace, disabled)
        if only is not None:
            implementations = tuple(one for one in implementations if one.plugin == only)
        if implementations and requests:
            await self._runner.run(
                implementations, course, check, workspace=workspace, budget=budget, together=True
            )
        return course.answers([one.plugin for one in implementations])

    async def waterfall(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q],
        wanted: Wanted,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 20.0,
        deadline: float | None = None,
    ) -> list[dict[str, Outcome[A]]]:
        """Ask one plugin after the other; each sees what those before it answered: the rule of `enrich_`.

        `pass_on` makes the request for the next plugin of an answer; `wanted` is that of `union`. `deadline` is that of
        one call in seconds; None: that of all hooks.
        """
        course = Waterfall(requests, wanted, pass_on)
        if implementations := self.asked(hook, workspace, disabled):
            await self._runner.run(
                implementations, course, check, workspace=workspace, budget=budget, deadline=deadline
            )
        return course.answers

    async def first(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A | None],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[tuple[str, A] | None]:
        """For each request the first answer that is not None, and whose it is: the rule of `choose_`."""
        course: First[Q, A] = First(requests)
        if implementations := self.asked(hook, workspace, disabled):
            await self._runner.run(implementations, course, check, workspace=workspace, budget=budget)
        return course.answers

    async def transform(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q],
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[Q]:
        """What becomes of each request when one plugin after the other may change it: the rule of `transform_`.

        None, and a call that fails, leave it as it was; `pass_on` makes the changed request of an answer.
        """
        course = Chain(requests, pass_on)
        if implementations := self.asked(hook, workspace, disabled):
            await self._runner.run(
                implementations, course, _or_none(check), workspace=workspace, budget=budget
            )
        return course.current

    async def guard(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A],
        *,
        pass_on: Callable[[Q, A], Q | Held],
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[Q | Held]:
        """What each request is once every plugin has let it pass: the rule of `guard_`.

        One after the other is asked about what those before it have let pass. None lets it pass as it is; `pass_on`
        makes of an answer what passes, or holds it. A call that fails, or cannot be made, holds it too.
        """
        course = Guard(requests, pass_on)
        if implementations := self.asked(hook, workspace, disabled):
            await self._runner.run(
                implementations, course, _or_none(check), workspace=workspace, budget=budget
            )
        return course.current

    async def veto(
        self,
        hook: str,
        requests: Sequence[Q],
        check: Check[Q, A | None],
        *,
        workspace: Workspace | None = None,
        disabled: Collection[str] = (),
        budget: float = 5.0,
    ) -> list[tuple[str, A] | None]:
        """For each request the first veto, and whose it is: the rule of `veto_`. All are asked; None is no veto.

        A call that fails is no veto.
        """
        answers = await self.union(
            hook, requests, _or_none(check), workspace=workspace, disabled=disabled, budget=budget
        )
        return [_first_veto(answer) for answer in answers]


def told(_request: object, answer: object) -> None:
    """The check of `on_` hooks: what they return is not looked at."""


def _or_none(check: Check[Q, A]) -> Check[Q, A | None]:
    return lambda request, answer: None if answer is None else check(request, answer)


def _first_veto(answer: dict[str, Outcome[A | None]]) -> tuple[str, A] | None:
    for plugin, outcome in answer.items():
        if isinstance(outcome, Answered) and outcome.value is not None:
            return plugin, outcome.value
    return None
