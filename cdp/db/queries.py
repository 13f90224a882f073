"""Named SQL statements from a `.sql` file beside the package that owns the tables.

-- name: resolve_nodes
-- Finds or makes the node of each identifier.
SELECT …
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files

_NAME = re.compile(r"^-- name: *(.*?) *$", re.MULTILINE)


class Queries(Mapping[str, str]):
    """The statements of one file, as attributes or as a mapping; `purposes` has the line that explains each."""

    def __init__(self, source: str, statements: Mapping[str, str], purposes: Mapping[str, str]) -> None:
        self._source = source
        self._statements = dict(statements)
        self.purposes = dict(purposes)

    def __getattr__(self, name: str) -> str:
        try:
            return self.__dict__["_statements"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"There is no query {name!r} in {self.__dict__.get('_source')}.") from None

    def __getitem__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise KeyError(f"There is no query {name!r} in {self._source}.") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def load_queries(package: str, file: str = "queries.sql") -> Queries:
    """The statements of `file` in an importable package, such as `load_queries("cdp.identity", "store.sql")`.

    Raises:
        FileNotFoundError: the package has no such file.
        ValueError: a query has no name, no line of purpose, no statement, or the name of another.
    """
    return parse_queries(
        files(package).joinpath(file).read_text(encoding="utf-8"), source=f"{package}/{file}"
    )


def parse_queries(text: str, *, source: str) -> Queries:
    """Split a file into its statements; each keeps its name as a comment, which PostgreSQL's logs and views show.

    Raises:
        ValueError: as `load_queries`; the message names `source`.
    """
    _, *pieces = _NAME.split(text)
    statements: dict[str, str] = {}
    purposes: dict[str, str] = {}
    for name, body in zip(pieces[::2], pieces[1::2], strict=True):
        purpose, _, statement = body.strip().partition("\n")
        if not name.isidentifier() or not purpose.startswith("-- ") or not statement.strip():
            raise ValueError(
                f"{source}: write `-- name: …`, a comment line of purpose and a statement at {name!r}."
            )
        if name in statements:
            raise ValueError(f"{source}: there are two queries {name!r}.")
        statements[name] = f"-- {name}\n{statement.strip().rstrip(';')}"
        purposes[name] = purpose.removeprefix("-- ")
    if not statements:
        raise ValueError(f"{source}: there is no `-- name: …` line.")
    return Queries(source, statements, purposes)
