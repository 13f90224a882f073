"""Background work of plugins: jobs that are started, tried again, watched and cancelled; schedules that start them."""

from cdp.jobs.running import Runner
from cdp.jobs.store import JobRow, cancel, retry, start
from cdp.jobs.ticking import keep_schedules, tick
from cdp.jobs.ticks import due_ticks, next_tick

__all__ = [
    "JobRow",
    "Runner",
    "cancel",
    "due_ticks",
    "keep_schedules",
    "next_tick",
    "retry",
    "start",
    "tick",
]
