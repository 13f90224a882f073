"""Views from events: a whole workspace, from the command line.

It goes through the nodes in the order of their ids, a few hundred in a transaction that locks their profiles, so that
ingest goes on beside it: whoever comes second reads what the first has committed. Memory is bounded by a chunk,
whatever the history. How far it has come is written down with every chunk, so that whoever calls it again, after an
interruption of any kind, goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection, Database
from cdp.lenses import names, settlement
from cdp.lenses.redo import compact_days, lock_profiles, queries, redo, snapshot, transaction
from cdp.lenses.report import Dropped, Report
from cdp.lenses.retention import retained
from cdp.model import NodeId, Workspace, WorkspaceId
from cdp.workspaces import change, store

CHUNK = 200
"""Nodes in one transaction."""

FAR = 300.0
"""Half-lives after which a rebuild moves the epoch to today; weights keep their range for 900."""

Progress = Callable[[int, int], None]
"""Told (nodes done, nodes in all) after every chunk, and first of all where it goes on from an earlier run."""


class _State(Struct, kw_only=True):
    """What is written down with every chunk."""

    report: Report
    latest: int
    """The latest reclassification that was noted before it began: it does this and all before."""
    cursor: int = 0


async def rebuild(
    database: Database,
    workspace_id: WorkspaceId,
    *,
    check: bool = False,
    progress: Progress | None = None,
    now: datetime | None = None,
    chunk: int = CHUNK,
    restart: bool = False,
) -> Report:
    """Derive all summaries, profiles and memberships of a workspace from its events, and from what dropped ones left.

    Where an earlier run was interrupted, this one goes on from there, and its report is of both.

    Args:
        database: where it is.
        workspace_id: which one.
        check: compare exactly with what is stored, and change nothing.
        progress: told after every chunk.
        now: for what is noted with a time; None: this moment.
        chunk: nodes in one transaction.
        restart: begin at the beginning, whatever an earlier run has done.

    Raises:
        NotFound: there is no such workspace.
        Unavailable: the database is away; what was done until then stays done, and is right.
    """
    now = now or datetime.now(UTC)
    task = "check" if check else "rebuild"
    state, total = await _begin(database, workspace_id, task, now, restart=restart)
    report = state.report
    if progress is not None and report.nodes:
        progress(report.nodes, max(total, report.nodes))

    async def one(connection: Connection, workspace: Workspace) -> tuple[Sequence[NodeId], Report]:
        rows = await connection.fetch(queries.next_nodes, workspace_id, state.cursor, chunk)
        nodes = [NodeId(row["node_id"]) for row in rows]
        part = Report(checked=check)
        if nodes:
            await _compare(connection, workspace, nodes, part, now)
            whole = msgspec.convert(msgspec.to_builtins(report), Report)
            whole.add(part)
            await connection.execute(
                queries.advance_progress,
                workspace_id,
                task,
                nodes[-1],
                msgspec.json.encode(_State(report=whole, latest=state.latest)).decode(),
                now,
            )
        return nodes, part

    while True:
        nodes, part = await transaction(database, workspace_id, one)
        if not nodes:
            break
        state.cursor = nodes[-1]
        report.add(part)
        if progress is not None:
            progress(report.nodes, max(total, report.nodes))
    async with database.transaction(workspace_id) as connection:
        if not check and state.latest:
            await connection.execute(queries.finish_reclassifications, workspace_id, state.latest, now)
            await connection.execute(queries.forget_nodes, workspace_id)
        await connection.execute(queries.finish_progress, workspace_id, task, now)
        report.dropped = await _dropped(connection, workspace_id)
    return report


async def _begin(
    database: Database, workspace_id: WorkspaceId, task: str, now: datetime, *, restart: bool
) -> tuple[_State, int]:
    """Where to go on, and how many nodes there are."""
    async with database.transaction(workspace_id) as connection:
        await store.version_of(connection, workspace_id)
        total: int = await connection.fetchval(queries.count_nodes, workspace_id)
        earlier = await connection.fetchrow(queries.progress_of, workspace_id, task)
        if earlier is not None and earlier["finished_at"] is None and not restart:
            state = msgspec.json.decode(earlier["report"], type=_State)
            state.cursor = earlier["node_cursor"]
            state.report.done_before = state.report.nodes
            return state, total
        if task == "rebuild":
            await _move_far_epoch(connection, workspace_id, now)
        latest = (await connection.fetchrow(queries.open_reclassifications, workspace_id))["latest"]
        state = _State(report=Report(checked=task == "check"), latest=latest)
        text = msgspec.json.encode(state).decode()
        await connection.execute(queries.begin_progress, workspace_id, task, text, now)
        return state, total


async def _compare(
    connection: Connection, workspace: Workspace, nodes: Sequence[NodeId], report: Report, now: datetime
) -> None:
    """Derive the nodes anew and say what became different; a check takes all of it back."""
    workspace_id = workspace.workspace_id
    savepoint = connection.transaction()
    await savepoint.start()
    profiles = await lock_profiles(connection, workspace_id, nodes)
    # Days that are only not forgotten yet are no difference.
    await compact_days(connection, workspace_id, nodes)
    before = await snapshot(connection, workspace_id, nodes, profiles)
    redone = await redo(connection, workspace, nodes, profiles)
    after = await snapshot(connection, workspace_id, nodes, profiles)
    report.nodes, report.events, report.reclassified = len(nodes), redone.events, redone.reclassified
    report.compare(before, after)
    if redone.reclassified:
        report.differences["event"] = redone.reclassified
    if report.checked:
        await savepoint.rollback()
        return
    await savepoint.commit()
    if report.differences:
        await settlement.note(connection, workspace_id, profiles, now)


async def _dropped(connection: Connection, workspace_id: WorkspaceId) -> Dropped | None:
    """What retention has made unrecoverable."""
    found = await retained(connection, workspace_id)
    if found is None or not found.events:
        return None
    by_name = dict(await names.dropped(connection, workspace_id))
    return Dropped(events=found.events, before=found.horizon, names=by_name)


async def _move_far_epoch(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> None:
    """Keep stored weights in the range of a double for decades: a rebuild derives all of them anyway."""
    workspace = await store.load(connection, workspace_id)
    if now - workspace.epoch > timedelta(days=workspace.settings.half_life_days * FAR):
        await change.move_epoch(connection, workspace_id, now=now)
