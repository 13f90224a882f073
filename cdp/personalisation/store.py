"""Slots, variants and impressions in the database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import BadInput, NotFound
from cdp.model import Cap, Lens, ProfileId, Workspace, WorkspaceId
from cdp.personalisation.slots import (
    MOST_SLOTS,
    MOST_VARIANTS,
    Slot,
    Variant,
    checked_slot,
    checked_variant,
)
from cdp.workspaces.change import mark_changed

_SQL = load_queries("cdp.personalisation", "store.sql")

_HELD = 256
"""Workspaces whose slots a process keeps."""

Row = Mapping[str, Any]
Impressions = Mapping[tuple[ProfileId, str, str], Sequence[datetime]]
"""(person, slot, variant) → when it was shown; absent: never."""


class Slots:
    """The workspaces' slots, as one process holds them: loaded anew when the workspace's version has changed."""

    def __init__(self) -> None:
        self._held: OrderedDict[WorkspaceId, tuple[int, Mapping[str, Slot]]] = OrderedDict()

    async def get(self, connection: Connection, workspace: Workspace) -> Mapping[str, Slot]:
        """The slots of this version of the workspace, or of a later one, by name."""
        held = self._held.get(workspace.workspace_id)
        if held is None or held[0] != workspace.version:
            slots = await load_slots(connection, workspace.workspace_id)
            held = (workspace.version, {slot.name: slot for slot in slots})
            self._held[workspace.workspace_id] = held
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(workspace.workspace_id)
        return held[1]


async def load_slots(connection: Connection, workspace_id: WorkspaceId) -> tuple[Slot, ...]:
    """All slots of a workspace with their variants, by name."""
    variants: dict[str, list[Variant]] = {}
    for row in await connection.fetch(_SQL.variants, workspace_id):
        variants.setdefault(row["slot"], []).append(_variant(row))
    return tuple(
        Slot(
            name=row["name"],
            salt=row["salt"],
            description=row["description"],
            holdout=row["holdout"],
            fallback=msgspec.json.decode(row["fallback"]),
            goals=tuple(row["goals"]),
            goal_within=timedelta(seconds=row["goal_seconds"]),
            variants=tuple(variants.get(row["name"], ())),
        )
        for row in await connection.fetch(_SQL.slots, workspace_id)
    )


async def define_slot(
    connection: Connection, workspace_id: WorkspaceId, slot: Slot, *, keep_salt: bool = False, now: datetime
) -> Slot:
    """Make a slot, or replace what is said of it; its variants stay, and with `keep_salt` its salt.

    Raises:
        BadInput: a value cannot be used, or there are too many slots.
        NotFound: there is no such workspace.
    """
    slot = checked_slot(slot)
    await mark_changed(connection, workspace_id)
    known = {one.name: one for one in await load_slots(connection, workspace_id)}
    if slot.name not in known and len(known) >= MOST_SLOTS:
        raise BadInput(f"A workspace has at most {MOST_SLOTS} slots.", field=("name",))
    if keep_salt and slot.name in known:
        slot = replace(slot, salt=known[slot.name].salt)
    await connection.execute(
        _SQL.save_slot,
        workspace_id,
        slot.name,
        slot.description,
        slot.holdout,
        slot.salt,
        _text(slot.fallback),
        list(slot.goals),
        round(slot.goal_within.total_seconds()),
        now,
    )
    return replace(slot, variants=known[slot.name].variants) if slot.name in known else slot


async def remove_slot(connection: Connection, workspace_id: WorkspaceId, name: str) -> None:
    """Take a slot away with its variants. What was shown in it stays in events and reports.

    Raises:
        NotFound: there is no such slot, or no such workspace.
    """
    await mark_changed(connection, workspace_id)
    if await connection.fetchval(_SQL.delete_slot, workspace_id, name) is None:
        raise NotFound(f"There is no slot {name!r}.", field=("name",))


async def set_variant(
    connection: Connection, workspace_id: WorkspaceId, slot: str, variant: Variant, *, now: datetime
) -> Slot:
    """Make a variant, or replace the one of that name; answers with its slot as it is then.

    Raises:
        BadInput: a value cannot be used, or the slot has too many variants.
        NotFound: there is no such slot, or no such workspace.
    """
    variant = checked_variant(variant)
    await mark_changed(connection, workspace_id)
    known = await _slot(connection, workspace_id, slot)
    others = tuple(one for one in known.variants if one.name != variant.name)
    if len(others) >= MOST_VARIANTS:
        raise BadInput(f"A slot has at most {MOST_VARIANTS} variants.", field=("name",))
    cap = variant.cap
    await connection.execute(
        _SQL.save_variant,
        workspace_id,
        slot,
        variant.name,
        variant.audience,
        variant.lens.value,
        variant.starts_at,
        variant.ends_at,
        variant.priority,
        variant.weight,
        cap.times if cap is not None else None,
        round(cap.within.total_seconds()) if cap is not None else None,
        _text(variant.content),
        variant.paused,
        now,
    )
    return replace(known, variants=tuple(sorted((*others, variant), key=lambda one: one.name)))


async def remove_variant(connection: Connection, workspace_id: WorkspaceId, slot: str, name: str) -> Slot:
    """Take a variant away; answers with its slot as it is then. What was shown stays in events and reports.

    Raises:
        NotFound: there is no such slot or variant, or no such workspace.
    """
    await mark_changed(connection, workspace_id)
    known = await _slot(connection, workspace_id, slot)
    if await connection.fetchval(_SQL.delete_variant, workspace_id, slot, name) is None:
        raise NotFound(f"The slot {slot!r} has no variant {name!r}.", field=("name",))
    return replace(known, variants=tuple(one for one in known.variants if one.name != name))


async def impressions(
    connection: Connection,
    workspace_id: WorkspaceId,
    profile_ids: Collection[ProfileId],
    slots: Collection[str],
    *,
    since: datetime,
) -> Impressions:
    """What these people were shown in these slots since then, whichever identifier they were tracked by."""
    rows = await connection.fetch(_SQL.impressions, workspace_id, list(profile_ids), list(slots), since)
    shown: dict[tuple[ProfileId, str, str], list[datetime]] = {}
    for row in rows:
        key = (ProfileId(row["profile_id"]), row["slot"], row["variant"])
        shown.setdefault(key, []).append(row["occurred_at"])
    return shown


async def _slot(connection: Connection, workspace_id: WorkspaceId, name: str) -> Slot:
    for slot in await load_slots(connection, workspace_id):
        if slot.name == name:
            return slot
    raise NotFound(f"There is no slot {name!r}; define it first.", field=("slot",))


def _variant(row: Row) -> Variant:
    return Variant(
        name=row["name"],
        content=msgspec.json.decode(row["content"]),
        lens=Lens(row["lens"]),
        audience=row["audience"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        priority=row["priority"],
        weight=row["weight"],
        cap=Cap(times=row["cap_times"], within=timedelta(seconds=row["cap_seconds"]))
        if row["cap_times"] is not None
        else None,
        paused=row["paused"],
    )


def _text(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
