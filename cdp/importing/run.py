"""One import, from file to database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from msgspec import Struct

from cdp.db.pool import Database
from cdp.importing import accounts
from cdp.importing.delivering import Candidate, Counts, Courier
from cdp.importing.fields import Kind, detect
from cdp.importing.reading import Record, Source
from cdp.importing.rejected import Rejected
from cdp.importing.rows import to_items
from cdp.ingest.accumulator import Accumulator
from cdp.ingest.results import Refusal
from cdp.model import Workspace

_LOOKED_AT = 20
"""Records by which the kind of a file is told."""


class Report(Struct, frozen=True, kw_only=True):
    """What an import did."""

    kind: Kind
    counts: Counts
    rejected_rows: int
    rejected: Path | None
    """The file with the rejected rows and their reasons, if there are any."""


async def import_file(
    accumulator: Accumulator,
    database: Database,
    workspace: Workspace,
    path: Path,
    *,
    kind: Kind | None,
    mapped: Mapping[str, str],
    clock: Callable[[], datetime],
    progress: Callable[[int, int], None],
) -> Report:
    """Import a file; doing it again, also after an interruption, adds only what is missing.

    Args:
        accumulator: takes people and events.
        database: takes accounts, which are no events.
        workspace: whose they are.
        path: the file.
        kind: what its rows are; None: told by its columns.
        mapped: column → field, where the column's name does not say it.
        clock: now.
        progress: told the bytes that were read and all there are, now and then.

    Raises:
        BadInput: the file cannot be read, or nothing tells what its rows are.
        Unavailable: the database went away; what was stored before counts once when the import is repeated.
    """
    with Source(path) as source, Rejected(path) as rejected:
        records = source.records()
        first = list(islice(records, _LOOKED_AT))
        kind = kind or _detect(path, first, mapped)
        every = chain(first, records)

        def advanced(_: int) -> None:
            progress(source.position, source.size)

        if kind is Kind.ACCOUNTS:
            counts = await accounts.take(database, workspace, every, mapped, rejected, advanced, now=clock())
        else:
            courier = Courier[Record](
                accumulator,
                workspace,
                clock=clock,
                source="import",
                rejected=rejected.add,
            )
            await courier.take(_candidates(every, kind, mapped, path.name, rejected), advanced)
            counts = courier.counts
        progress(source.size, source.size)
    return Report(
        kind=kind,
        counts=counts,
        rejected_rows=rejected.count,
        rejected=rejected.path if rejected.count else None,
    )


def _detect(path: Path, first: list[Record], mapped: Mapping[str, str]) -> Kind:
    readable = [record.values for record in first if record.values is not None]
    columns = dict.fromkeys(column for values in readable for column in values)
    types = {
        str(value) for values in readable for column, value in values.items() if column.lower() == "type"
    }
    return detect(path, columns, mapped, types)


def _candidates(
    records: Iterator[Record], kind: Kind, mapped: Mapping[str, str], file_name: str, rejected: Rejected
) -> Iterator[Candidate[Record]]:
    for record in records:
        if record.values is None:
            rejected.add(record, Refusal(code="UNREADABLE", message=record.problem))
            continue
        for item in to_items(record, kind, mapped, file_name):
            yield Candidate(record, item)
