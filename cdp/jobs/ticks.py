"""When a schedule ticks; pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import assert_never
from zoneinfo import ZoneInfo

from cronsim import CronSim

from cdp.model import MissedTicks, Schedule

JUST_MISSED = timedelta(minutes=1)
"""A tick that is no later than this was not missed: workers look only every second or so."""
MOST_MISSED = 100
"""So many ticks are made up for, where each is."""


def ticks(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """All ticks after a moment, in UTC, each once; at most those of fifty years."""
    last = after
    for local in CronSim(schedule.cron, after.astimezone(ZoneInfo(schedule.time_zone))):
        moment = local.astimezone(UTC)
        if moment > last:  # the hour that autumn repeats comes once
            last = moment
            yield moment


def next_tick(schedule: Schedule, after: datetime) -> datetime:
    """The first tick after a moment; a schedule that ticks never again ticks at the end of time."""
    return next(ticks(schedule, after), datetime.max.replace(tzinfo=UTC))


def due_ticks(schedule: Schedule, next_at: datetime, now: datetime) -> tuple[list[datetime], datetime]:
    """The ticks to run, given the first that has not been, by the schedule's policy; and the next one thereafter."""
    following = next_tick(schedule, now)
    if next_at > now:
        return [], next_at
    match schedule.missed:
        case MissedTicks.ONCE:
            return [next_at], following
        case MissedTicks.SKIP:
            late = next_at if now - next_at <= JUST_MISSED else next_tick(schedule, now - JUST_MISSED)
            return ([late] if late <= now else []), following
        case MissedTicks.EACH:
            missed = [next_at]
            for moment in islice(ticks(schedule, next_at), 100_000):
                if moment > now:
                    break
                missed.append(moment)
            return missed[-MOST_MISSED:], following
        case _:
            assert_never(schedule.missed)
