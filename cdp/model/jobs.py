"""Background work of plugins: jobs, schedules, and the process that they run in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct

from cdp.model.ids import WorkspaceId


class JobRun(Protocol):
    """One attempt at a job, as the plugin's function is given it."""

    @property
    def job_id(self) -> int:
        """The same for all attempts."""

    @property
    def workspace_id(self) -> WorkspaceId:
        """On whose behalf."""

    @property
    def attempt(self) -> int:
        """1 for the first."""

    @property
    def due_at(self) -> datetime:
        """When it was to be done: of a scheduled job the tick, however late it is."""

    @property
    def cancelled(self) -> bool:
        """Whether somebody wants it stopped: end soon, what was done stays done."""

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Say how far it is; shown to administrators within a few seconds.

        Args:
            done: units of work, whatever a unit is.
            total: of how many; None: not known.
            message: a sentence for a person.

        Raises:
            JobCancelled: somebody wants it stopped.
        """


class JobCancelled(Exception):
    """Raised by `JobRun.progress` in a job that somebody wants stopped; let it pass."""


class Job(Struct, frozen=True, kw_only=True):
    """A kind of background work that a plugin offers to each workspace."""

    name: str
    """Lower case with underscores, such as `weekly_digest`."""
    description: str
    """A sentence for a person: what it does."""
    run: Callable[..., Any]
    """Called with those of the arguments `job` (a `JobRun`), `input`, `settings`, `http`, `tables` and `jobs` that it
    names; may be async. What it returns is kept as JSON, at most 32 KB."""
    input: type[Struct] | None = None
    """What `input` is; None: the job takes none."""
    attempts: int = 3
    """Most times that it is tried; between them it waits 10 s, 20 s, 40 s, … an hour at most."""
    timeout: float = 300.0
    """Seconds that one attempt may take."""


class MissedTicks(StrEnum):
    """What becomes of ticks at which no worker ran."""

    ONCE = "ONCE"
    """One run makes up for all of them."""
    SKIP = "SKIP"
    """They are left out, except one that is at most a minute old."""
    EACH = "EACH"
    """Each is made up for, the oldest first, the last hundred of them."""


class Schedule(Struct, frozen=True, kw_only=True):
    """When a job of the plugin is started by itself, in every workspace where the plugin is on."""

    name: str
    job: str
    """Name of one of the plugin's own jobs."""
    cron: str
    """Five fields: minute, hour, day of month, month, day of week; `0 9 * * MON`."""
    time_zone: str = "UTC"
    """IANA name, such as `Europe/Zurich`. A tick that the clocks skip in spring comes right after; one that comes twice
    in autumn counts once."""
    input: Mapping[str, Any] = {}
    missed: MissedTicks = MissedTicks.ONCE


class ProcessFacts(Struct, frozen=True, kw_only=True):
    """The process that starts or stops."""

    process_id: str
    """Differs between all processes that ever ran."""
    version: str
    """Of Diptych."""
