"""The command `cdp` without permission checks, to be measured beside the real one and for nothing else.

    python -m bench.permissions.unlabelled serve --port 8001 --data DIR

Whoever has a key sees everything of its workspace: no label is looked at when a plan is made or a field is resolved,
none tells one plan from another, and no read of personal data is noted. Keys and row-level security stay.
"""

from __future__ import annotations

from typing import Any

from cdp.access.principals import Principal
from cdp.audit.reads import Reads
from cdp.plan import labels


def _nothing(*_given: Any, **_named: Any) -> None:
    """No check is made, and nothing is missing."""


setattr(labels, "lacking", _nothing)  # noqa: B010 - before those are imported who take it by name

from cdp.graphql import context, labelled  # noqa: E402
from cdp.plan.entities import Entity  # noqa: E402

for _owner, _name, _instead in (
    (labelled, "guard", _nothing),
    (Principal, "require", _nothing),
    (Reads, "note", _nothing),
    (context.Context, "scopes", property(lambda _context: frozenset())),
    (Entity, "seen_by", lambda entity, _scopes: entity.visible),
):
    setattr(_owner, _name, _instead)

from cdp.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
