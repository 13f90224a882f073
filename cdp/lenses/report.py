"""What a rebuild or a check says when it is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, field, json

from cdp.lenses.redo import Snapshot

_EXAMPLES = 10
_NAMES = 5


class Dropped(Struct, frozen=True, kw_only=True):
    """Events that retention has dropped: what they added to the views is kept, and cannot be derived anew."""

    events: int
    before: datetime
    """They occurred before this moment."""
    names: dict[str, int] = field(default_factory=dict)
    """How many of each name, most of them first."""

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {count:,}" for name, count in list(self.names.items())[:_NAMES])
        more = f" and {len(self.names) - _NAMES:,} more names" if len(self.names) > _NAMES else ""
        return (
            f"{self.events:,} events from before {self.before:%Y-%m-%d} were dropped by retention. "
            "What they added to the views is kept as it was counted then. "
            "Beyond recovery: to count them by another catalogue, currency or half-life, and to check them "
            f"({shown}{more})"
        )


class Report(Struct, kw_only=True):
    """What a rebuild did, or what a check found."""

    checked: bool
    nodes: int = 0
    events: int = 0
    done_before: int = 0
    """Nodes among them that were done before it was interrupted, and called again."""
    reclassified: int = 0
    """Events that feed other panels than was written beside them."""
    differences: dict[str, int] = field(default_factory=dict)
    """Rows that were wrong, missing or too many, per table; of events, those that feed other panels."""
    examples: list[str] = field(default_factory=list)
    """The first few of them: where, what was stored, what the events say."""
    dropped: Dropped | None = None
    """What retention has made unrecoverable; None: nothing."""

    def __str__(self) -> str:
        lines = [self._result()]
        if self.checked:
            lines += self.examples
        if self.dropped is not None:
            lines.append(str(self.dropped))
        return "\n  ".join(lines)

    def _result(self) -> str:
        before = f" ({self.done_before:,} before an interruption)" if self.done_before else ""
        done = f"{self.nodes:,} identifiers{before}, {self.events:,} events"
        if not self.differences:
            return f"{done}: {'no difference' if self.checked else 'rebuilt, nothing had changed'}"
        wrong = ", ".join(f"{count:,} in {table}" for table, count in sorted(self.differences.items()))
        return f"{done}: {'rows that differ' if self.checked else 'rows made good'}: {wrong}"

    def compare(self, before: Snapshot, after: Snapshot) -> None:
        """Note what is stored against what the events say."""
        for key in sorted(before.keys() | after.keys()):
            stored, derived = before.get(key), after.get(key)
            if stored != derived:
                table, place = key
                self.differences[table] = self.differences.get(table, 0) + 1
                if len(self.examples) < _EXAMPLES:
                    told, meant = _apart(stored, derived)
                    self.examples.append(f"{table} {place}: stored {told}, by the events {meant}")

    def add(self, part: Report) -> None:
        """Take in what one chunk came to."""
        self.nodes += part.nodes
        self.events += part.events
        self.reclassified += part.reclassified
        for table, count in part.differences.items():
            self.differences[table] = self.differences.get(table, 0) + count
        self.examples = [*self.examples, *part.examples][:_EXAMPLES]


def _apart(stored: str | None, derived: str | None) -> tuple[str, str]:
    """What a row has that the other one has not, as JSON."""
    if stored is None or derived is None:
        return stored or "nothing", derived or "nothing"
    one, other = json.decode(stored, type=dict[str, Any]), json.decode(derived, type=dict[str, Any])
    # Told apart as PostgreSQL writes them; numbers may have more digits than are read here.
    columns = [name for name in one.keys() | other.keys() if one.get(name) != other.get(name)]
    if not columns:
        return stored, derived
    mine, theirs = ({name: row.get(name) for name in sorted(columns)} for row in (one, other))
    return json.encode(mine).decode(), json.encode(theirs).decode()
