"""Starting jobs by the clock: whoever moves a schedule on starts its job, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cdp.db.pool import Database
from cdp.hooks.manager import Plugins
from cdp.jobs.store import queries, start
from cdp.jobs.ticks import due_ticks, next_tick
from cdp.model import Schedule, Workspace, WorkspaceId


async def keep_schedules(
    database: Database, workspace_id: WorkspaceId, plugins: Plugins, *, now: datetime
) -> None:
    """Note when each schedule of the plugins ticks first in this workspace, or next where it has changed."""
    schedules = _schedules(plugins)
    if not schedules:
        return
    async with database.transaction(workspace_id) as connection:
        await connection.execute(
            queries.keep_schedules,
            workspace_id,
            [plugin for plugin, _ in schedules],
            [one.name for _, one in schedules],
            [_definition(one) for _, one in schedules],
            [next_tick(one, now) for _, one in schedules],
        )


async def tick(
    database: Database,
    workspace: Workspace,
    plugins: Plugins,
    plugin: str,
    name: str,
    *,
    clock: Callable[[], datetime],
) -> int:
    """Start what a schedule has due; how many jobs. Of several processes that do this at once, one does.

    A plugin that is off in the workspace ticks in vain.
    """
    schedule = next((one for owner, one in _schedules(plugins) if (owner, one.name) == (plugin, name)), None)
    if schedule is None:
        return 0
    now = clock()
    async with database.transaction(workspace.workspace_id) as connection:
        held = await connection.fetchrow(queries.hold_schedule, workspace.workspace_id, plugin, name, now)
        if held is None:
            return 0
        ticks, following = due_ticks(schedule, held["next_at"], now)
        if plugins.calls.is_off(plugin, workspace):
            ticks = []
        job_id = None
        for moment in ticks:
            job_id = await start(
                connection,
                workspace.workspace_id,
                plugins,
                schedule.job,
                input=schedule.input,
                by=f"schedule {schedule.name}",
                now=now,
                due_at=moment,
            )
        await connection.execute(
            queries.move_schedule,
            workspace.workspace_id,
            plugin,
            name,
            following,
            ticks[-1] if ticks else None,
            job_id,
        )
    return len(ticks)


def _schedules(plugins: Plugins) -> list[tuple[str, Schedule]]:
    return plugins.registered("register_schedules")


def _definition(schedule: Schedule) -> str:
    return f"{schedule.cron} {schedule.time_zone}"
