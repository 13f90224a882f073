"""Replaying refused items: once the reason is gone, they are stored as if they had been good at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record
from msgspec import Struct

from cdp.db.pool import Database
from cdp.errors import BadInput
from cdp.ingest.decode import decode_batch, unpack
from cdp.ingest.intake import Intake
from cdp.ingest.passage import NOT_KEPT
from cdp.ingest.proving import Page
from cdp.ingest.transaction import queries
from cdp.model import WorkspaceId

_AT_ONCE = 500
"""Refused items in one round."""


class Replay(Struct, frozen=True, kw_only=True):
    """What a replay did."""

    replayed: int
    """Items whose events are stored now."""
    refused: int
    """Items that stay, with the reason of today."""


class _Again(Struct, frozen=True):
    """An item that is still refused, and why."""

    code: str
    message: str
    forget: bool = False
    """Whether it must not be kept any longer."""


async def replay(
    database: Database,
    intake: Intake,
    workspace_id: WorkspaceId,
    *,
    now: datetime,
    refused_ids: Sequence[int] | None = None,
) -> Replay:
    """Take in again what was refused: these items, or all that have not been replayed yet.

    Their times are corrected as of when they first arrived. Doing it twice, or at once from two places, stores nothing
    twice: an item without a message id gets one made of its own number.

    Raises:
        Unavailable: the database is away or the queue is full; what was done stays done.
    """
    replayed = refused = last = 0
    while True:
        async with database.connection(workspace_id) as connection:
            rows = await connection.fetch(
                queries.refused_to_replay,
                workspace_id,
                None if refused_ids is None else list(refused_ids),
                last,
                _AT_ONCE,
            )
        if not rows:
            return Replay(replayed=replayed, refused=refused)
        last = rows[-1]["refused_id"]
        outcomes = await asyncio.gather(*(_take(intake, workspace_id, row) for row in rows))
        good = [row["refused_id"] for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
        bad = [
            (row["refused_id"], again) for row, again in zip(rows, outcomes, strict=True) if again is not None
        ]
        async with database.transaction(workspace_id) as connection:
            await connection.execute(queries.mark_replayed, workspace_id, good, now)
            await connection.execute(
                queries.refuse_anew,
                workspace_id,
                [refused_id for refused_id, _ in bad],
                [again.code for _, again in bad],
                [again.message for _, again in bad],
                [again.forget for _, again in bad],
            )
        replayed += len(good)
        refused += len(bad)


async def _take(intake: Intake, workspace_id: WorkspaceId, row: Record) -> _Again | None:
    """Take one kept body in; None: it needs to be kept no longer."""
    if not row["body"]:
        return _Again(row["code"], row["message"])
    try:
        body = intake.seals.open(workspace_id, row["body"])
    except BadInput as error:
        return _Again("SEALED", error.message)
    try:
        batch = decode_batch(unpack(body))
    except BadInput as error:
        return _Again("MALFORMED", error.message)
    # A whole body of several items that can be read by now: each that is still bad is kept by itself.
    single = len(batch.items) == 1
    receipt = await intake.take(
        workspace_id,
        batch,
        source=row["source"],
        received_at=row["received_at"],
        made_id=f"refused-{row['refused_id']}",
        keep=not single,
        # A body that could not be read is to the byte what somebody sent: it cannot say that it is to be believed.
        page=None if batch.believed and row["code"] != "MALFORMED" else Page(),
    )
    if not (single and receipt.refused):
        return None
    refused = receipt.refused[0]
    return _Again(refused.code, refused.message, forget=refused.code in NOT_KEPT)
