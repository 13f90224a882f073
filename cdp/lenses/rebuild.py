"""Views from events: a whole workspace from the command line, or in the background what a changed catalogue concerns.

Both go through the nodes in the order of their ids, a few hundred in a transaction that locks their profiles, so that
ingest goes on beside them: whoever comes second reads what the first has committed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import stamina
from msgspec import Struct, field

from cdp.db.pool import Connection, Database
from cdp.lenses import settlement
from cdp.lenses.names import spellings
from cdp.lenses.redo import CONTENDED, Snapshot, lock_profiles, queries, redo, snapshot
from cdp.model import NodeId, Workspace, WorkspaceId
from cdp.workspaces import change, store

CHUNK = 200
"""Nodes in one transaction."""

READ = 20_000
"""Events that are looked through in one transaction."""

FAR = 300.0
"""Half-lives after which a rebuild moves the epoch to today; weights keep their range for 900."""

Progress = Callable[[int, int], None]
"""Told (nodes done, nodes in all) after every chunk."""

_EXAMPLES = 10
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
_Result = TypeVar("_Result")


class Report(Struct, kw_only=True):
    """What a rebuild did, or what a check found."""

    checked: bool
    nodes: int = 0
    events: int = 0
    reclassified: int = 0
    """Events that feed other panels than was written beside them."""
    differences: dict[str, int] = field(default_factory=dict)
    """Rows that were wrong, missing or too many, per table; of events, those that feed other panels."""
    examples: list[str] = field(default_factory=list)
    """The first few of them: where, what was stored, what the events say."""

    def __str__(self) -> str:
        done = f"{self.nodes:,} identifiers, {self.events:,} events"
        if not self.differences:
            return f"{done}: {'no difference' if self.checked else 'rebuilt, nothing had changed'}"
        wrong = ", ".join(f"{count:,} in {table}" for table, count in sorted(self.differences.items()))
        text = f"{done}: {'rows that differ' if self.checked else 'rows made good'}: {wrong}"
        return "\n  ".join([text, *self.examples]) if self.checked else text


async def rebuild(
    database: Database,
    workspace_id: WorkspaceId,
    *,
    check: bool = False,
    progress: Progress | None = None,
    now: datetime | None = None,
    chunk: int = CHUNK,
) -> Report:
    """Derive all summaries, profiles and memberships of a workspace from its events.

    Args:
        database: where it is.
        workspace_id: which one.
        check: compare exactly with what is stored, and change nothing.
        progress: told after every chunk.
        now: for what is noted with a time; None: this moment.
        chunk: nodes in one transaction.

    Raises:
        NotFound: there is no such workspace.
        Unavailable: the database is away; what was done until then stays done, and is right.
    """
    now = now or datetime.now(UTC)
    report = Report(checked=check)
    async with database.transaction(workspace_id) as connection:
        if not check:
            await _move_far_epoch(connection, workspace_id, now)
        total = await connection.fetchval(queries.count_nodes, workspace_id)
        latest = (await connection.fetchrow(queries.open_reclassifications, workspace_id))["latest"]
    cursor = 0

    async def one(connection: Connection, workspace: Workspace) -> tuple[Sequence[NodeId], Report]:
        rows = await connection.fetch(queries.next_nodes, workspace_id, cursor, chunk)
        nodes = [NodeId(row["node_id"]) for row in rows]
        part = Report(checked=check)
        if nodes:
            await _compare(connection, workspace, nodes, part, now)
        return nodes, part

    while True:
        nodes, part = await _transaction(database, workspace_id, one)
        if not nodes:
            break
        cursor = nodes[-1]
        _add(report, part)
        if progress is not None:
            progress(report.nodes, max(total, report.nodes))
    if not check and latest:
        async with database.transaction(workspace_id) as connection:
            await connection.execute(queries.finish_reclassifications, workspace_id, latest, now)
            await connection.execute(queries.forget_nodes, workspace_id)
    return report


async def reclassify_some(
    database: Database, workspace_id: WorkspaceId, *, now: datetime, limit: int = CHUNK
) -> bool:
    """Do one chunk of the oldest history that waits to be classified anew; the answer is whether more is left.

    First history is read by time, for nodes that have events of the names concerned; then these are derived anew. Several workers may call this: one works, the
    others hear that nothing is left for them.

    Raises:
        Unavailable: the database is away; nothing of this chunk was changed.
    """

    async def one(connection: Connection, workspace: Workspace) -> bool:
        row = await connection.fetchrow(queries.oldest_reclassification, workspace_id)
        if row is None:
            return False
        if row["events"] is not None and not row["read_through"]:
            await _read_on(connection, workspace_id, row)
            return True
        nodes = await _concerned(connection, workspace_id, row, limit)
        if nodes:
            profiles = await lock_profiles(connection, workspace_id, nodes)
            await redo(connection, workspace, nodes, profiles)
            await settlement.note(connection, workspace_id, profiles, now)
        cursor = nodes[-1] if nodes else row["node_cursor"]
        finished = None if nodes else now
        await connection.execute(
            queries.advance_reclassification, workspace_id, row["reclassification_id"], cursor, finished
        )
        if finished is not None:
            await connection.execute(queries.forget_nodes, workspace_id)
        waiting: int = await connection.fetchval(queries.open_reclassifications, workspace_id)
        return waiting > 0

    return await _transaction(database, workspace_id, one)


async def _transaction(
    database: Database,
    workspace_id: WorkspaceId,
    work: Callable[[Connection, Workspace], Awaitable[_Result]],
) -> _Result:
    """Run `work` in a transaction that holds off changes of the catalogue; again where another writer intervened."""
    async for attempt in stamina.retry_context(on=CONTENDED, attempts=10, timeout=60.0, wait_initial=0.02):
        with attempt:
            async with database.transaction(workspace_id) as connection:
                await connection.execute(queries.lock_workspace, workspace_id)
                return await work(connection, await store.load(connection, workspace_id))
    raise AssertionError("stamina raises what it gives up on")


async def _compare(
    connection: Connection, workspace: Workspace, nodes: Sequence[NodeId], report: Report, now: datetime
) -> None:
    """Derive the nodes anew and say what became different; a check takes all of it back."""
    workspace_id = workspace.workspace_id
    savepoint = connection.transaction()
    await savepoint.start()
    profiles = await lock_profiles(connection, workspace_id, nodes)
    before = await snapshot(connection, workspace_id, nodes, profiles)
    redone = await redo(connection, workspace, nodes, profiles)
    after = await snapshot(connection, workspace_id, nodes, profiles)
    report.nodes, report.events, report.reclassified = len(nodes), redone.events, redone.reclassified
    _differ(report, before, after)
    if redone.reclassified:
        report.differences["event"] = redone.reclassified
    if report.checked:
        await savepoint.rollback()
        return
    await savepoint.commit()
    if report.differences:
        await settlement.note(connection, workspace_id, profiles, now)


def _differ(report: Report, before: Snapshot, after: Snapshot) -> None:
    for key in sorted(before.keys() | after.keys()):
        stored, derived = before.get(key), after.get(key)
        if stored != derived:
            table, place = key
            report.differences[table] = report.differences.get(table, 0) + 1
            if len(report.examples) < _EXAMPLES:
                report.examples.append(
                    f"{table} {place}: stored {stored or 'nothing'}, by the events {derived or 'nothing'}"
                )


def _add(whole: Report, part: Report) -> None:
    whole.nodes += part.nodes
    whole.events += part.events
    whole.reclassified += part.reclassified
    for table, count in part.differences.items():
        whole.differences[table] = whole.differences.get(table, 0) + count
    whole.examples = [*whole.examples, *part.examples][:_EXAMPLES]


async def _move_far_epoch(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> None:
    """Keep stored weights in the range of a double for decades: a rebuild derives all of them anyway."""
    workspace = await store.load(connection, workspace_id)
    if now - workspace.epoch > timedelta(days=workspace.settings.half_life_days * FAR):
        await change.move_epoch(connection, workspace_id, now=now)


async def _read_on(connection: Connection, workspace_id: WorkspaceId, row: Mapping[str, Any]) -> None:
    """Look through the next stretch of history for nodes that a reclassification concerns, however names are spelled.

    What is stored meanwhile is classified by the catalogue of today as it comes.
    """
    number, begin = row["reclassification_id"], row["read_to"] or _BEGINNING
    end = await connection.fetchval(queries.history_step, workspace_id, begin, READ) or _END
    names = await spellings(connection, workspace_id, row["events"])
    if names:
        await connection.execute(queries.note_nodes, workspace_id, number, names, begin, end)
    await connection.execute(queries.advance_reading, workspace_id, number, end if names else _END)


async def _concerned(
    connection: Connection, workspace_id: WorkspaceId, row: Mapping[str, Any], limit: int
) -> list[NodeId]:
    """The next nodes that have events of the names concerned; where no names are given, the next of all."""
    cursor = row["node_cursor"]
    if row["events"] is None:
        found = await connection.fetch(queries.next_nodes, workspace_id, cursor, limit)
    else:
        number = row["reclassification_id"]
        found = await connection.fetch(queries.noted_nodes, workspace_id, number, cursor, limit)
    return [NodeId(each["node_id"]) for each in found]
