"""`cdp plugins check`: whether a plugin keeps what its hooks promise, by looking at it and by trying it on traffic."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cdp.errors import DiptychError, OutboundRefused
from cdp.hooks.health import PluginHealth
from cdp.hooks.loading import Found
from cdp.hooks.manager import Plugins
from cdp.kit import conformance
from cdp.kit.clock import Clock
from cdp.kit.conformance import Grade, Verdict
from cdp.kit.core import Core, running
from cdp.kit.databases import databases
from cdp.kit.locating import others
from cdp.kit.recording import HookCall
from cdp.model import Http
from cdp.settings import Settings

ACCOUNTS = ("acct_000041", "acct_000082")
"""Of the demo: small ones in which much of it happens."""
_AT_ONCE = 100
"""Events that are sent together."""
_IN_THE_WAY = frozenset(
    {"guard_consent", "transform_event", "guard_event", "classify_event", "resolve_account", "veto_link"}
)
"""Hooks that senders of events wait for."""
_PROMPT = 0.1
"""Seconds that a call of those may take without being remarked on."""
_TOLD = ("register_", "on_")
"""Hooks that are not asked the same again: what is registered is registered, and what they do is done."""
_MOST_REPLAYED = 500
_SLOW_SHARE = 0.25


def check(
    found: Found, settings: Settings, events: Sequence[Mapping[str, Any]] | None = None
) -> Iterator[Verdict]:
    """Look at one plugin, then try it with those that come with Diptych.

    Args:
        found: which.
        settings: of the process.
        events: traffic, as the tracking API takes it; None: some of the demo's.
    """
    try:
        plugin = found.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever its import does
        yield Verdict(grade=Grade.FAIL, subject="import", says=f"{type(error).__name__}: {error}")
        return
    yield from conformance.forgotten(plugin)
    alone = Plugins()
    alone.register(plugin, name=found.name, source=found.source)
    (known,) = alone.health()
    if known.error is not None:
        yield Verdict(grade=Grade.FAIL, subject="loading", says=known.error)
        return
    yield from conformance.signatures(plugin)
    try:
        yield from _try(found, plugin, settings, events)
    except DiptychError as error:
        yield Verdict(grade=Grade.FAIL, subject="start", says=error.message)


def _try(
    found: Found, plugin: object, settings: Settings, events: Sequence[Mapping[str, Any]] | None
) -> Iterator[Verdict]:
    loaded = Plugins.load(settings, found=others(found))
    loaded.register(plugin, name=found.name, version=found.version, source=found.source)
    with (
        databases() as made,
        made.copy() as urls,
        running(
            urls, loaded=loaded, settings=settings, clock=Clock(datetime.now(UTC)), http=NoHttp()
        ) as core,
    ):
        core.configure(found.name)
        _traffic(core, found.name, events)
        calls = core.calls(plugin=found.name)
        (health,) = [one for one in loaded.health() if one.name == found.name]
    yield from _outcomes(health)
    yield from _times(health, settings)
    hooks = sorted({call.hook for call in calls})
    for hook in hooks:
        yield from _purity(hook, [call for call in calls if call.hook == hook])
    asked = [hook for hook in conformance.implementations(plugin) if not hook.startswith("register_")]
    for hook in sorted(set(asked) - set(hooks)):
        yield Verdict(
            grade=Grade.WARN,
            subject=hook,
            says="this traffic did not come to it; give some that does with --events",
        )


def _traffic(core: Core, name: str, events: Sequence[Mapping[str, Any]] | None) -> None:
    if events is None:
        core.demo(*ACCOUNTS)
        core.configure(name)
    else:
        for start in range(0, len(events), _AT_ONCE):
            core.ingest(*events[start : start + _AT_ONCE])
    core.settle()
    core.answer('{ profiles(first: 50) { nodes { personalisation(slot: "home_hero") { variant } } } }')


def _outcomes(health: PluginHealth) -> Iterator[Verdict]:
    for one in health.hooks:
        wrong = (
            (one.failures, "raised"),
            (one.timeouts, "took too long"),
            (one.refused, "returned what the hook does not take"),
        )
        for times, what in wrong:
            if times:
                last = (one.last_error or "").partition("\n")[0]
                yield Verdict(
                    grade=Grade.FAIL,
                    subject=one.hook,
                    says=f"{times} of {one.calls} calls {what}; the last: {last}",
                )


def _times(health: PluginHealth, settings: Settings) -> Iterator[Verdict]:
    deadline = settings.hook_deadline_ms / 1000
    for one in health.hooks:
        if one.calls == 0 or one.hook.startswith("register_"):
            continue
        slowest = f"the slowest of {one.calls} calls took {one.slowest_seconds * 1000:.1f} ms"
        if one.hook in _IN_THE_WAY and one.slowest_seconds > _PROMPT:
            yield Verdict(
                grade=Grade.WARN, subject=one.hook, says=f"{slowest}, and senders of events wait for it"
            )
        elif one.slowest_seconds > deadline * _SLOW_SHARE:
            yield Verdict(grade=Grade.WARN, subject=one.hook, says=f"{slowest}; {deadline:g} s are allowed")
        else:
            yield Verdict(grade=Grade.OK, subject=one.hook, says=slowest)


def _purity(hook: str, calls: Sequence[HookCall]) -> Iterator[Verdict]:
    """Whether the same question has the same answer, and questions are left as they were."""
    changed = sum(call.mutated for call in calls)
    if changed:
        yield Verdict(
            grade=Grade.FAIL,
            subject=hook,
            says=f"{changed} of {len(calls)} calls changed what they were given",
        )
    if hook.startswith(_TOLD):
        return
    answered = [call for call in calls if call.error is None][:_MOST_REPLAYED]
    again = [call for call in answered if not call.offered.keys() - {"settings"}]
    if len(again) < len(answered):
        yield Verdict(
            grade=Grade.OK,
            subject=hook,
            says=f"{len(answered) - len(again)} calls were not made again: they were given http, tables or jobs",
        )
    differing = [call for call in again if not _same(call)]
    if differing:
        yield Verdict(
            grade=Grade.FAIL,
            subject=hook,
            says=f"{len(differing)} of {len(again)} calls had another answer the second time: first "
            f"{_short(differing[0].answer)}",
        )
    elif again:
        yield Verdict(
            grade=Grade.OK, subject=hook, says=f"{len(again)} calls made again have the same answers"
        )


def _same(call: HookCall) -> bool:
    function = call.implementation.function
    given = copy.deepcopy(dict(call.given))
    try:
        answer = function(**given, **call.offered)
        if call.implementation.is_async:
            answer = asyncio.run(answer)
    except Exception:  # noqa: BLE001 - it did not raise the first time
        return False
    return bool(answer == call.answer)


def _short(answer: object) -> str:
    text = repr(answer)
    return text if len(text) <= 120 else f"{text[:119]}…"


class NoHttp(Http):
    """What plugins are given in a check instead of a way out: a provider is neither asked nor paid."""

    async def request(self, method: str, url: str, **_: object) -> Any:
        """Refuse."""
        raise OutboundRefused(f"{method} {url} is not asked in a check.")


def worst(verdicts: Iterable[Verdict]) -> Grade:
    """The gravest of them."""
    order = list(Grade)
    return max((one.grade for one in verdicts), key=order.index, default=Grade.OK)
