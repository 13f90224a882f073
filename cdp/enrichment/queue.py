"""The table of people and accounts to be enriched, from which workers take by lease."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import ProfileId, Subject, WorkspaceId

_QUERIES = load_queries("cdp.enrichment", "queue.sql")


class Held(Struct, frozen=True, kw_only=True):
    """A subject that this worker may enrich while its lease lasts."""

    subject: Subject
    subject_id: int
    version: int
    """Grows whenever the subject is noted; done is only what has not been noted since."""
    attempts: int
    """Times that it has been taken in a row without success, this one included."""
    backfill_id: int | None


async def note(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_ids: Collection[ProfileId],
    providers: Mapping[Subject, Collection[str]],
    *,
    now: datetime,
) -> None:
    """Have these people and their accounts enriched, once the transaction commits, where a provider has to be asked."""
    if not profile_ids:
        return
    for subject, query in (
        (Subject.PERSON, _QUERIES.note_people),
        (Subject.ACCOUNT, _QUERIES.note_accounts_of),
    ):
        if names := providers.get(subject):
            await connection.execute(query, workspace_id, sorted(profile_ids), now, sorted(names))


async def note_due_accounts(
    connection: Connection, workspace_id: WorkspaceId, *, now: datetime, limit: int
) -> int:
    """Have accounts enriched whose answers are due again; how many, at most `limit`."""
    status = await connection.execute(_QUERIES.note_due_accounts, workspace_id, now, limit)
    return int(status.rpartition(" ")[2])


async def workspaces(connection: Connection, *, now: datetime) -> list[WorkspaceId]:
    """Where something is due; the connection is bound to none."""
    return [WorkspaceId(row["workspace_id"]) for row in await connection.fetch(_QUERIES.workspaces, now)]


async def claim(
    connection: Connection, workspace_id: WorkspaceId, token: UUID, *, limit: int, lease: float, now: datetime
) -> list[Held]:
    """Take subjects that are due, for `lease` seconds, in the name of `token`."""
    rows = await connection.fetch(_QUERIES.claim, workspace_id, now, limit, lease, token)
    return [
        Held(
            subject=Subject(row["subject"]),
            subject_id=row["subject_id"],
            version=row["version"],
            attempts=row["attempts"],
            backfill_id=row["backfill_id"],
        )
        for row in rows
    ]


async def renew(connection: Connection, workspace_id: WorkspaceId, token: UUID, *, lease: float) -> None:
    """Keep what is held for `lease` seconds more."""
    await connection.execute(_QUERIES.renew, workspace_id, token, lease)


async def hold(
    connection: Connection,
    workspace_id: WorkspaceId,
    token: UUID,
    subject: Subject,
    subject_ids: Collection[int],
) -> set[int]:
    """Those that are still ours; locked until the transaction ends."""
    rows = await connection.fetch(_QUERIES.hold, workspace_id, token, subject.value, sorted(subject_ids))
    return {row["subject_id"] for row in rows}


async def finish(
    connection: Connection, workspace_id: WorkspaceId, token: UUID, done: Sequence[Held], *, now: datetime
) -> None:
    """These are enriched as far as can be; who was noted meanwhile is due at once."""
    if done:
        subjects = [one.subject.value for one in done]
        ids = [one.subject_id for one in done]
        await connection.execute(
            _QUERIES.finish, workspace_id, token, subjects, ids, [one.version for one in done]
        )
        await connection.execute(_QUERIES.done, workspace_id, now, subjects, ids)


async def postpone(
    connection: Connection,
    workspace_id: WorkspaceId,
    token: UUID,
    later: Sequence[tuple[Held, int, datetime]],
) -> None:
    """These are to be looked at again: with how many attempts they count, and when."""
    if later:
        await connection.execute(
            _QUERIES.postpone,
            workspace_id,
            token,
            [one.subject.value for one, _, _ in later],
            [one.subject_id for one, _, _ in later],
            [one.version for one, _, _ in later],
            [attempts for _, attempts, _ in later],
            [due_at for _, _, due_at in later],
        )


async def release(connection: Connection, workspace_id: WorkspaceId, token: UUID) -> None:
    """Let go of whatever is still held."""
    await connection.execute(_QUERIES.release, workspace_id, token)
