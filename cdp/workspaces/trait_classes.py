"""Declare what traits tell. It holds within a second, as everything does that processes hold of a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cdp.access.personal import guessed
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import BadInput, NotFound
from cdp.model import WorkspaceId
from cdp.model.classes import ClassifiedTrait, TraitClass, TraitOf, folded
from cdp.workspaces.change import mark_changed

MOST_CLASSES = 500
"""Of people, of accounts, and of events, each: reads of those who may not see everything go by all of them."""

MOST_KEYS = 1_000

_SQL = load_queries("cdp.workspaces")
_LONGEST_KEY = 200


async def classify(
    connection: Connection,
    workspace_id: WorkspaceId,
    of: TraitOf,
    key: str,
    trait_class: TraitClass,
    *,
    by: str,
    now: datetime,
) -> ClassifiedTrait:
    """Declare what a trait tells, in a transaction of the caller's; it counts for every spelling of the key.

    Raises:
        BadInput: the key is none, or there are MOST_CLASSES already.
        NotFound: there is no such workspace.
    """
    key = _checked(key)
    await mark_changed(connection, workspace_id)
    await connection.execute(_SQL.save_trait_class, workspace_id, of, key, trait_class, by, now)
    if await connection.fetchval(_SQL.count_trait_classes, workspace_id, of) > MOST_CLASSES:
        raise BadInput(
            f"At most {MOST_CLASSES} keys can be classified; leave out what is open.", field=("key",)
        )
    return ClassifiedTrait(of=of, key=key, trait_class=trait_class, changed_by=by, changed_at=now)


async def declassify(connection: Connection, workspace_id: WorkspaceId, of: TraitOf, key: str) -> TraitClass:
    """Go by the trait's name and value again, in a transaction of the caller's; return what was declared.

    Raises:
        NotFound: nothing was declared of it, or there is no such workspace.
    """
    await mark_changed(connection, workspace_id)
    found: str | None = await connection.fetchval(_SQL.delete_trait_class, workspace_id, of, folded(key))
    if found is None:
        raise NotFound(f"No class is declared for {key[:80]!r}.", field=("key",))
    return TraitClass(found)


async def taken_for(
    connection: Connection, workspace_id: WorkspaceId, of: TraitOf
) -> Sequence[ClassifiedTrait]:
    """What traits are taken for: those that are declared, and MOST_KEYS of the others that came, by key."""
    declared = [one for one in await declared_classes(connection, workspace_id) if one.of is of]
    known = {folded(one.key) for one in declared}
    came = []
    if of is not TraitOf.EVENT:
        asked = _SQL.trait_keys_of_people if of is TraitOf.PROFILE else _SQL.trait_keys_of_accounts
        keys = [row["key"] for row in await connection.fetch(asked, workspace_id, MOST_KEYS)]
        came = [
            ClassifiedTrait(of=of, key=key, trait_class=guessed(of, key))
            for key in keys
            if folded(key) not in known
        ]
    return sorted([*declared, *came], key=lambda one: one.key)


async def declared_classes(connection: Connection, workspace_id: WorkspaceId) -> Sequence[ClassifiedTrait]:
    """What is declared, by subject and key."""
    return [
        ClassifiedTrait(
            of=TraitOf(row["of"]),
            key=row["key"],
            trait_class=TraitClass(row["class"]),
            changed_by=row["changed_by"],
            changed_at=row["changed_at"],
        )
        for row in await connection.fetch(_SQL.list_trait_classes, workspace_id)
    ]


def _checked(key: str) -> str:
    key = key.strip()
    if not key or len(key) > _LONGEST_KEY or not key.isprintable():
        raise BadInput(f"A key has 1 to {_LONGEST_KEY} printable characters.", field=("key",))
    return key
