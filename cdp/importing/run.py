"""One import, from file to database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from msgspec import Struct

from cdp.db.pool import Database
from cdp.errors import BadInput
from cdp.identity.kinds import Kinds, normalise
from cdp.importing import accounts
from cdp.importing.delivering import Candidate, Counts, Courier, Problem
from cdp.importing.fields import Kind, detect
from cdp.importing.reading import Record, Source
from cdp.importing.rejected import Rejected
from cdp.importing.rows import Item, identifiers, to_items
from cdp.ingest.intake import Intake
from cdp.model import Workspace

_LOOKED_AT = 20
"""Records by which the kind of a file is told."""


class Report(Struct, frozen=True, kw_only=True):
    """What an import did."""

    kind: Kind
    rows: int
    """Rows that were read, whatever became of them."""
    counts: Counts
    rejected: int
    """Rows that were not imported."""
    remarks: int
    """Rows that were imported without something that could not be used."""
    problems: Path | None
    """The file with both and their reasons, if there are any."""


async def import_file(
    intake: Intake,
    kinds: Kinds,
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
        intake: takes people and events.
        kinds: of identifiers, by which a row without an id may name a person.
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
        if not first:
            raise BadInput(f"{path} holds no rows.")
        kind = kind or _detect(path, first, mapped)
        every = chain(first, records)

        def advanced(_: int) -> None:
            progress(source.position, source.size)

        if kind is Kind.ACCOUNTS:
            counts = await accounts.take(
                database, workspace, every, mapped, rejected, advanced=advanced, now=clock()
            )
        else:
            courier = Courier[Record](
                intake, workspace.workspace_id, rejected=rejected.reject, remarked=rejected.remark
            )
            calls = _Calls(kind, mapped, path.name, kinds, workspace.settings.default_country)
            await courier.take(calls.candidates(every, rejected), advanced)
            counts = courier.counts
        progress(source.size, source.size)
    return Report(
        kind=kind,
        rows=source.rows,
        counts=counts,
        rejected=rejected.rows,
        remarks=rejected.remarks,
        problems=rejected.path if rejected.rows or rejected.remarks else None,
    )


def _detect(path: Path, first: list[Record], mapped: Mapping[str, str]) -> Kind:
    readable = [record.values for record in first if record.values is not None]
    columns = dict.fromkeys(column for values in readable for column in values)
    types = {
        str(value) for values in readable for column, value in values.items() if column.lower() == "type"
    }
    return detect(path, columns, mapped, types)


class _Calls:
    """Records as calls of the tracking API."""

    def __init__(
        self, kind: Kind, mapped: Mapping[str, str], file_name: str, kinds: Kinds, country: str
    ) -> None:
        self._kind = kind
        self._mapped = mapped
        self._file_name = file_name
        self._kinds = kinds
        self._country = country

    def candidates(self, records: Iterator[Record], rejected: Rejected) -> Iterator[Candidate[Record]]:
        """The calls of every record that can be read and names a person."""
        for record in records:
            if record.values is None:
                rejected.reject(record, Problem("UNREADABLE", record.problem))
                continue
            items = to_items(record, self._kind, self._mapped, self._file_name)
            if problem := self._nobody(items[0]):
                rejected.reject(record, problem)
                continue
            for item in items:
                yield Candidate(record, item)

    def _nobody(self, item: Item) -> Problem | None:
        """Why the row names no person; None: it does, or says so itself when it is validated."""
        if "userId" in item or not (named := identifiers(item)):
            return None
        if any(normalise(self._kinds, kind, value, self._country) for kind, value in named):
            return None
        kind = named[0][0]
        return Problem(
            "INVALID_IDENTIFIER", f"The {kind} is not one, and nothing else in the row identifies a person."
        )
