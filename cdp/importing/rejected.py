"""Rows that were not imported, or not wholly: into a file, each with its reason."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import IO, Any, Self

from cdp.importing.delivering import Problem
from cdp.importing.reading import Record


class Rejected:
    """`FILE.rejected.csv`, made with the first rejected row; one of an earlier import is removed.

    A context manager.
    """

    def __init__(self, source: Path) -> None:
        self.path = source.with_name(source.name + ".rejected.csv")
        self.rows = 0
        """Rows that were not imported."""
        self.remarks = 0
        """Rows that were imported without something that could not be used."""
        self._last: tuple[str, int] = ("", 0)
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def reject(self, record: Record, problem: Problem) -> None:
        """Write down a row and why it was not imported."""
        self.rows += self._write("rejected", record, problem)

    def remark(self, record: Record, problem: Problem) -> None:
        """Write down a row that was imported, and what could not be used of it."""
        self.remarks += self._write("imported in part", record, problem)

    def _write(self, outcome: str, record: Record, problem: Problem) -> bool:
        """Write a line, but one only for a row that stands for two calls; whether it was written."""
        if self._last == (outcome, record.number):
            return False
        self._last = (outcome, record.number)
        if self._file is None:
            self._file = self.path.open("w", newline="", encoding="utf-8")
            self._writer = csv.writer(self._file)
            self._writer.writerow(("row", "outcome", "code", "message", "content"))
        self._writer.writerow((record.number, outcome, problem.code, problem.message, record.text))
        return True
