"""Reading CSV and JSON lines, packed or not, record by record."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from cdp.errors import BadInput

_LARGEST_FIELD = 1024 * 1024
_DELIMITERS = ",;\t|"
_JSON_LINES = {".jsonl", ".ndjson"}


class Record(NamedTuple):
    """One row of a CSV file, or one line of JSON."""

    number: int
    """Its row or line, the first being 1; the header of a CSV file does not count."""
    text: str
    """As it stands in the file."""
    values: dict[str, Any] | None
    """By column; None where it cannot be read."""
    problem: str = ""
    """Why it cannot be read."""


class Source:
    """A file of records, open; a context manager.

    Raises:
        BadInput: it cannot be opened, or is neither CSV nor JSON lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        """Records that were read so far."""
        name = path.name.removesuffix(".gz")
        self._json = Path(name).suffix.lower() in _JSON_LINES
        if not self._json and Path(name).suffix.lower() != ".csv":
            raise BadInput(f"{path} is neither .csv nor .jsonl (.gz may follow); rename it to what it is.")
        try:
            self.size = path.stat().st_size
            self._raw = path.open("rb")
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
        packed = path.name.endswith(".gz")
        self._text = io.TextIOWrapper(
            gzip.GzipFile(fileobj=self._raw) if packed else self._raw, encoding="utf-8-sig", newline=""
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()
        self._raw.close()

    @property
    def position(self) -> int:
        """Bytes of the file that were read, packed as they are."""
        return self._raw.tell()

    def records(self) -> Iterator[Record]:
        """The records in order.

        Raises:
            BadInput: the file as a whole cannot be read on: it is not UTF-8, or its packing is broken.
        """
        try:
            for record in self._json_lines() if self._json else self._rows():
                self.rows += 1
                yield record
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{self.path} is not UTF-8{self._where()}. Save it as UTF-8, or convert it: "
                f"iconv -f WINDOWS-1252 -t UTF-8 {self.path.name}"
            ) from error
        except (EOFError, OSError, gzip.BadGzipFile) as error:
            said = str(error).rstrip(".")
            raise BadInput(f"{self.path} cannot be read{self._where()}: {said}.") from error
        except csv.Error as error:
            raise BadInput(f"{self.path} is not CSV{self._where()}: {error}.") from error

    def _where(self) -> str:
        """Past which row reading ended; reading ahead ends before that."""
        return f" somewhere after row {self.rows:,}" if self.rows else ""

    def _json_lines(self) -> Iterator[Record]:
        for number, line in enumerate(self._text, start=1):
            text = line.strip()
            if not text:
                continue
            try:
                values = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError) as error:
                yield Record(number, text, None, f"The line is not JSON: {error}.")
                continue
            if isinstance(values, dict):
                yield Record(number, text, values)
            else:
                yield Record(number, text, None, "The line is not a JSON object.")

    def _rows(self) -> Iterator[Record]:
        csv.field_size_limit(_LARGEST_FIELD)
        header_line = self._text.readline()
        delimiter = max(_DELIMITERS, key=header_line.count)
        header = next(csv.reader([header_line], delimiter=delimiter), [])
        columns = [column.strip() for column in header]
        if not any(columns):
            raise BadInput(f"{self.path} has no header: its first line must name the columns.")
        if len(set(columns)) < len(columns):
            raise BadInput(f"{self.path} names a column twice: {', '.join(columns)}.")
        for number, row in enumerate(csv.reader(self._text, delimiter=delimiter), start=1):
            if not row:
                continue
            text = delimiter.join(row)
            if len(row) > len(columns):
                yield Record(number, text, None, f"The row has {len(row)} fields, the header {len(columns)}.")
            else:
                yield Record(number, text, dict(zip(columns, row, strict=False)))
