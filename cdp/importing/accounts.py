"""Rows of accounts. They have no person in them, so they are no events: each states what an account is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import stamina

from cdp.accounts import AccountChanges, Changed, create, update
from cdp.db.pool import Connection, Database
from cdp.errors import BadInput, Conflict, NotFound
from cdp.identity.store import RETRYABLE
from cdp.importing.delivering import Counts, Problem
from cdp.importing.fields import Kind
from cdp.importing.reading import Record
from cdp.importing.rejected import Rejected
from cdp.importing.rows import to_fields
from cdp.ingest import transaction
from cdp.lenses import settlement
from cdp.lenses.store import refresh
from cdp.model import AccountKind, ProfileId, Workspace

BATCH = 200
"""Rows in one transaction."""

_BY = "import"
_KINDS = {kind.value: kind for kind in AccountKind}


async def take(
    database: Database,
    workspace: Workspace,
    records: Iterator[Record],
    mapped: Mapping[str, str],
    rejected: Rejected,
    *,
    advanced: Callable[[int], None],
    now: datetime,
) -> Counts:
    """State what every row says; `advanced` hears how many rows of each batch are done.

    An account is found by its group id, else by its domain, and made if there is none. Doing it again states the same.

    Raises:
        Unavailable: the database went away; the batches before are stored.
    """
    counts = Counts()
    while batch := list(islice(records, BATCH)):
        problems = await _store(database, workspace, batch, mapped, now)
        for record, problem in problems:
            rejected.reject(record, problem)
        counts.stored += len(batch) - len(problems)
        advanced(len(batch))
    return counts


@stamina.retry(on=RETRYABLE, attempts=8, timeout=10.0, wait_initial=0.01, wait_max=0.5, wait_jitter=0.05)
async def _store(
    database: Database,
    workspace: Workspace,
    batch: Sequence[Record],
    mapped: Mapping[str, str],
    now: datetime,
) -> list[tuple[Record, Problem]]:
    """State the batch in one transaction; a row that cannot be is undone alone."""
    problems = []
    touched: set[ProfileId] = set()
    workspace_id = workspace.workspace_id
    async with database.transaction(workspace_id) as connection:
        await transaction.lock(connection, workspace_id)
        for record in batch:
            if record.values is None:
                problems.append((record, Problem("UNREADABLE", record.problem)))
                continue
            try:
                async with connection.transaction():
                    changed = await _state(
                        connection, workspace, to_fields(record, Kind.ACCOUNTS, mapped), now
                    )
                touched |= changed.touched
            except (BadInput, Conflict, NotFound) as error:
                problems.append((record, Problem(error.code, error.message)))
        if touched:
            await refresh(connection, workspace_id, sorted(touched))
            await settlement.note(connection, workspace_id, frozenset(touched), now)
    return problems


async def _state(
    connection: Connection, workspace: Workspace, fields: Mapping[str, Any], now: datetime
) -> Changed:
    group_id, traits = fields.get("groupId"), dict(fields.get("traits", {}))
    changes = AccountChanges(
        name=_text(traits.pop("name", None)),
        kind=_kind(traits.pop("kind", None)),
        domain=_text(traits.pop("domain", None) or traits.pop("website", None)),
        traits=traits,
    )
    if group_id is None and changes.domain is None:
        raise BadInput("The row has neither a group id nor a domain, by which an account is known.")
    key = None if group_id is None else str(group_id)
    try:
        return await update(
            connection, workspace, group_id=key, domain=changes.domain, changes=changes, by=_BY, now=now
        )
    except NotFound:
        return await create(connection, workspace, group_id=key, changes=changes, by=_BY, now=now)


def _kind(value: object) -> AccountKind | None:
    if value is None:
        return None
    kind = _KINDS.get(str(value).strip().upper())
    if kind is None:
        raise BadInput(f"The kind {str(value)[:40]!r} is none; write organisation or household.")
    return kind


def _text(value: object) -> str | None:
    return None if value is None else str(value)
