"""What enrichment was asked, found and paid, and how far backfills are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import NotFound
from cdp.model import Subject, WorkspaceId

_QUERIES = load_queries("cdp.enrichment", "report.sql")


class ProviderReport(Struct, frozen=True, kw_only=True):
    """One provider in one currency, over some days (UTC)."""

    provider: str
    currency: str
    calls: int
    hits: int
    misses: int
    failures: int
    cached: int
    """Times that an earlier answer was still good."""
    cost: Decimal

    @property
    def hit_rate(self) -> float | None:
        """Hits among what was answered; None: nothing was."""
        answered = self.hits + self.misses
        return self.hits / answered if answered else None


class ProviderState(Struct, frozen=True, kw_only=True):
    """How a provider does, over all processes."""

    failures_in_row: int
    blocked_until: datetime | None


class Cost(Struct, frozen=True, kw_only=True):
    """An exact amount."""

    currency: str
    amount: Decimal


class Backfill(Struct, frozen=True, kw_only=True):
    """Subjects that were chosen to be enriched, and how far that is."""

    backfill_id: int
    subject: Subject
    asked_by: str
    started_at: datetime
    total: int
    done: int
    last_at: datetime | None
    """When the last one that is done was."""
    cancelled_at: datetime | None
    costs: tuple[Cost, ...]


async def report(
    connection: Connection, workspace_id: WorkspaceId, *, since: date, until: date
) -> list[ProviderReport]:
    """By provider and currency, for the days from `since` to `until`."""
    rows = await connection.fetch(_QUERIES.report, workspace_id, since, until)
    return [ProviderReport(**dict(row)) for row in rows]


async def states(connection: Connection, workspace_id: WorkspaceId) -> dict[str, ProviderState]:
    """Providers that were ever granted a call, by name."""
    rows = await connection.fetch(_QUERIES.providers, workspace_id)
    return {
        row["provider"]: ProviderState(
            failures_in_row=row["failures_in_row"], blocked_until=row["blocked_until"]
        )
        for row in rows
    }


async def start_backfill(
    connection: Connection, workspace_id: WorkspaceId, subject: Subject, *, by: str, now: datetime
) -> int:
    """The id of a new backfill, without subjects so far."""
    return int(await connection.fetchval(_QUERIES.start_backfill, workspace_id, subject.value, by, now))


async def add_subjects(
    connection: Connection,
    workspace_id: WorkspaceId,
    backfill_id: int,
    subject: Subject,
    subject_ids: Sequence[int],
    *,
    now: datetime,
) -> None:
    """Have these subjects enriched for a backfill."""
    await connection.execute(
        _QUERIES.add_subjects, workspace_id, backfill_id, subject.value, subject_ids, now
    )


async def backfills(
    connection: Connection, workspace_id: WorkspaceId, backfill_id: int | None = None
) -> list[Backfill]:
    """The latest hundred, the latest first; or the one."""
    rows = await connection.fetch(_QUERIES.backfills, workspace_id, backfill_id)
    ids = [row["backfill_id"] for row in rows]
    costs: dict[int, list[Cost]] = {one: [] for one in ids}
    for row in await connection.fetch(_QUERIES.backfill_costs, workspace_id, ids):
        costs[row["backfill_id"]].append(Cost(currency=row["currency"], amount=row["cost"]))
    return [
        Backfill(
            backfill_id=row["backfill_id"],
            subject=Subject(row["subject"]),
            asked_by=row["asked_by"],
            started_at=row["started_at"],
            total=row["total"],
            done=row["done"],
            last_at=row["last_at"],
            cancelled_at=row["cancelled_at"],
            costs=tuple(costs[row["backfill_id"]]),
        )
        for row in rows
    ]


async def cancel_backfill(
    connection: Connection, workspace_id: WorkspaceId, backfill_id: int, *, now: datetime
) -> Backfill:
    """Let a backfill go no further than the subjects that are being asked about; in a transaction.

    Raises:
        NotFound: there is none of this id, or it has been cancelled.
    """
    if await connection.fetchval(_QUERIES.cancel_backfill, workspace_id, backfill_id, now) is None:
        raise NotFound("There is no such backfill that could be cancelled.", field=("id",))
    await connection.execute(_QUERIES.drop_waiting, workspace_id, backfill_id)
    (found,) = await backfills(connection, workspace_id, backfill_id)
    return found
