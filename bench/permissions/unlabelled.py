"""The command `cdp` without permission checks, to be measured beside the real one and for nothing else.

    python -m bench.permissions.unlabelled serve --port 8001 --data DIR

Whoever has a key sees everything of its workspace: no label is looked at when a plan is made or a field is resolved,
none tells one plan from another, and no read of personal data is noted. Keys and row-level security stay.
"""

from __future__ import annotations

from cdp.access import principals
from cdp.audit.reads import Reads
from cdp.plan import labels

labels.lacking = lambda _labels, _scopes: None  # before those who import it by name

from cdp.graphql import context, labelled  # noqa: E402
from cdp.plan.entities import Entity  # noqa: E402

labelled.guard = lambda *_, **__: None
context.Context.scopes = property(lambda _context: frozenset())  # type: ignore[assignment, method-assign]
principals.Principal.require = lambda _principal, _scope: None  # type: ignore[method-assign]
Reads.note = lambda *_: None  # type: ignore[method-assign]
Entity.seen_by = lambda entity, _scopes: entity.visible  # type: ignore[method-assign]

from cdp.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
