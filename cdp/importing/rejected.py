"""Rows that were not imported: into a file, each with its reason."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, Any, Self

from cdp.importing.reading import Record
from cdp.ingest.results import Refusal


class Rejected:
    """`FILE.rejected.csv`, made with the first rejected row; one of an earlier import is removed.

    A context manager.
    """

    def __init__(self, source: Path) -> None:
        self.path = source.with_name(source.name + ".rejected.csv")
        self.count = 0
        self._last = 0
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, record: Record, refusal: Refusal) -> None:
        """Write down a row and why it was not imported; a row that stands for two calls is written once."""
        if record.number == self._last:
            return
        self._last = record.number
        if self._file is None:
            self._file = self.path.open("w", newline="", encoding="utf-8")
            self._writer = csv.writer(self._file)
            self._writer.writerow(("row", "code", "message", "content"))
        self.count += 1
        self._writer.writerow((record.number, refusal.code, refusal.message, record.text))
