"""Who blocked what, and for how long; who made the process grow, and by how much.

A thread that looks twenty times a second. What it cannot see while somebody holds the interpreter it sees afterwards:
its own look was late then, and the thread that had the processor meanwhile is the one that held it.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable

import structlog

from cdp.hooks.busy import Busy, Over, Work, memory_bytes, page_faults, processor_seconds

log = structlog.get_logger(__name__)

EVERY = 0.05
"""Seconds between two looks."""
TOLERANCE = 0.25
"""So much later than it should an event loop answers, or a look comes, before somebody is named, in seconds."""
_LEAST = 0.05
"""Nobody who had less of the processor held anybody up, in seconds."""
_COMPUTING = 0.02
"""Nobody who has had less of the processor in one call computes, in seconds."""
HURRIED = 0.01
"""Seconds between two looks while somebody computes …"""
TURN = 0.000_5
"""… and those that a thread computes before another one may, which otherwise are ten times as many."""
_TOO_MUCH = 1.5
"""From so many times what is allowed on all who may have done it are interrupted, and not the likeliest alone."""
_MEGABYTE = 1024 * 1024
COMPUTES = 1.0
"""For so many seconds of processor time a call may compute in the server, be it that it loads what it needs …"""
DOUBTED = 0.1
"""… so many if its plugin had to be left alone before …"""
_TOGETHER = 1.5
"""… and all calls of a plugin that are under way for so many times that."""
_SILENT = 0.5
"""A loop that is silent for so many seconds more than the watchdog is late: it is no matter of a busy machine."""


class Watchdog:
    """Looks at the work of plugins.

    Args:
        busy: what is going on.
        memory: by so many bytes the process may grow during one plugin's call before that is interrupted; 0: any.
        blocked: told (plugin, hook, seconds, what stood still).
        grown: told (plugin, hook, bytes).
        offended: told (plugin, hook, why) of who is to be left alone at once.
        doubted: whether a plugin had to be left alone before.
    """

    def __init__(
        self,
        busy: Busy,
        *,
        memory: int,
        blocked: Callable[[str, str, float, str], None],
        grown: Callable[[str, str, int], None],
        offended: Callable[[str, str, str], None],
        doubted: Callable[[str], bool],
    ) -> None:
        self._busy = busy
        self._memory = memory
        self._blocked = blocked
        self._grown = grown
        self._offended = offended
        self._doubted = doubted
        self._usual: float | None = None
        """How long turns are otherwise, while they are short; None: they are as they were."""
        self._late = 0.0
        """By how much the looks came late, all together, in seconds."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look, if that has not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="watchdog of plugins", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except Exception:
                log.exception("watchdog_failed")  # a fault of ours, which must not leave everybody unwatched
            finally:
                self._hurry(False)

    def _look(self) -> None:
        last, cpu = time.monotonic(), time.process_time()
        while not self._stop.wait(every := HURRIED if self._usual is not None else EVERY):
            now = time.monotonic()
            work = self._busy.now()
            gap = now - last - every
            self._late += max(gap, 0.0)
            over = self._busy.long_ago()
            named = None
            if gap > TOLERANCE:
                named = self._name_holder(work, over, gap, time.process_time() - cpu)
            self._weigh([one for one in work if one.active])
            for one in work:
                one.cpu = processor_seconds(one.native_id)
            self._hurry(self._end_holders(work, named))
            for one in work:
                self._listen(one, now)
            last, cpu = time.monotonic(), time.process_time()

    def _name_holder(self, work: list[Work], over: list[Over], gap: float, cpu: float) -> str | None:
        """The whole process stood still: whoever had most of the processor meanwhile held it; the plugin's name."""
        had = [Over(one.plugin, one.hook, used) for one in work if (used := _used_since(one)) is not None]
        if not (had := had + over):
            return None
        holder = max(had, key=lambda one: one.cpu)
        # Of what the process had, which on a busy machine is less than the gap.
        if holder.cpu >= cpu / 2 and holder.cpu > _LEAST:
            self._tell_blocked(holder, gap, what="process")
            self._offended(holder.plugin, holder.hook, f"it held the interpreter for {gap:.1f} s")
            return holder.plugin
        return None

    def _hurry(self, hurry: bool) -> None:
        """Have threads take turns quickly while one computes, so that all others wait for it less."""
        if hurry and self._usual is None:
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(min(self._usual, TURN))
        elif not hurry and self._usual is not None:
            sys.setswitchinterval(self._usual)
            self._usual = None

    def _end_holders(self, work: list[Work], named: str | None) -> bool:
        """Interrupt who computes in one call for longer than is good for everybody else, and leave it alone.

        Returns:
            Whether anybody computes for long at all.
        """
        holding = [(one, where, cpu) for one in work if (where := one.where) is not None and (cpu := one.cpu)]
        held: defaultdict[str, list[tuple[Work, object, float]]] = defaultdict(list)
        for one, where, cpu in holding:
            if one.mark is None or one.mark[0] != where:
                one.mark = (where, cpu)
            elif (used := cpu - one.mark[1]) > _COMPUTING:
                held[one.plugin].append((one, where, used))
        for plugin, found in held.items():
            allowed = DOUBTED if self._doubted(plugin) else COMPUTES
            most = max(used for _, _, used in found)
            if most <= allowed and sum(used for _, _, used in found) <= allowed * _TOGETHER:
                continue
            culprit = next(one for one, _, used in found if used == most)
            if culprit.because is None and plugin != named:
                self._tell_blocked(culprit, most, what="process")
            self._offended(plugin, culprit.hook, f"one call computed for {most:.2f} s in the server")
            for one, where, _ in found:
                one.interrupt("it held the interpreter", where=where)
        return bool(held)

    def _listen(self, one: Work, now: float) -> None:
        """Ask a plugin's event loop whether it runs, and count the time that it did not."""
        loop = one.loop
        if loop is None:
            return
        if one.beat_at is not None:
            self._count(one, now - one.beat_at)
            return
        if not one.active:
            return
        one.beat_at = now
        one.late_at = self._late
        one.told = 0.0

        def beat() -> None:
            one.beat_at = None
            if one.because is not None:
                one.end()
            self._count(one, time.monotonic() - now)

        try:
            loop.call_soon_threadsafe(beat)
        except RuntimeError:
            one.beat_at = None  # it is closed

    def _count(self, one: Work, seconds: float) -> None:
        """It has not answered for so long; said once a second, or it may be never."""
        if seconds > TOLERANCE and (one.beat_at is None or seconds - one.told >= 1.0):
            self._tell_blocked(one, seconds - one.told, what="event loop")
            one.told = seconds
            if seconds - (self._late - one.late_at) > _SILENT:
                self._offended(
                    one.plugin, one.hook, f"it kept its event loop from running for {seconds:.1f} s"
                )

    def _tell_blocked(self, one: Work | Over, seconds: float, *, what: str) -> None:
        log.warning("plugin_blocked", plugin=one.plugin, hook=one.hook, what=what, seconds=round(seconds, 3))
        self._blocked(one.plugin, one.hook, seconds, what)

    def _weigh(self, work: list[Work]) -> None:
        """See by how much the process has grown since each call began."""
        if not work or (held := memory_bytes()) is None:
            return
        for one in work:
            one.memory = held if one.memory is None else min(one.memory, held)
            if one.faults is None:
                one.faults = page_faults(one.native_id)
        grown = held - min(one.memory for one in work if one.memory is not None)
        if grown < _MEGABYTE * 32:
            return
        # Of those during whose calls it grew, the one that touched the most pages is the one that allocates.
        suspects = [one for one in work if held - (one.memory or held) >= grown // 2]
        culprit = max(suspects, key=_touched)
        self._grown(culprit.plugin, culprit.hook, grown)
        if not self._memory or grown <= self._memory:
            return
        # Where it goes on growing, there are several of them.
        for one in suspects if grown > self._memory * _TOO_MUCH else [culprit]:
            if one.because is None:
                log.warning("plugin_grew", plugin=one.plugin, hook=one.hook, megabytes=grown // _MEGABYTE)
                one.interrupt("it took too much memory")
                why = f"the process grew by {grown // _MEGABYTE} MiB during its call"
                self._offended(one.plugin, one.hook, why)


def _touched(one: Work) -> int:
    """Pages that a thread touched since its call was seen first."""
    return (page_faults(one.native_id) or 0) - (one.faults or 0)


def _used_since(one: Work) -> float | None:
    """Processor time of a thread since the last look, in seconds."""
    now = processor_seconds(one.native_id)
    return None if now is None or one.cpu is None else now - one.cpu
