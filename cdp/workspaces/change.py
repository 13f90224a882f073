"""Change a workspace: settings, catalogue, features.

Every function wants a connection inside a transaction that has not locked anything yet: it waits for the ingest
transactions that run by what is to be changed, holds off new ones until the caller commits, raises the version that
processes compare, and notes the history that the change classifies otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import NotFound
from cdp.lenses.catalogue import check_entry, entry_key
from cdp.model import CatalogueEntry, Condition, Feature, Measure, Workspace, WorkspaceId, WorkspaceSettings
from cdp.workspaces import store
from cdp.workspaces.validation import changed_settings, checked_feature, differing

_SQL = load_queries("cdp.workspaces")
_ALL = None


async def change_settings(
    connection: Connection, workspace_id: WorkspaceId, changes: Mapping[str, Any], *, now: datetime
) -> Workspace:
    """Replace some settings (None: back to the default) and return the workspace as it then is.

    A new half-life moves the epoch of the decay to today, so all history is counted anew in the background.

    Raises:
        BadInput: an unknown setting, a wrong type, a value out of range; nothing is changed then.
        NotFound: there is no such workspace.
    """
    before = await _locked(connection, workspace_id)
    settings = changed_settings(before.settings, changes)
    if settings == before.settings:
        return before
    epoch = before.epoch
    if settings.half_life_days != before.settings.half_life_days:
        epoch = _day(now)
    text = msgspec.json.encode(differing(settings)).decode()
    await connection.execute(_SQL.save_settings, workspace_id, text, epoch)
    events = _reclassified(before, settings)
    if events != []:
        await connection.execute(_SQL.note_reclassification, workspace_id, events, now)
    return await _changed(connection, workspace_id)


async def move_epoch(connection: Connection, workspace_id: WorkspaceId, *, now: datetime) -> Workspace:
    """Make today the zero of the decay, and have all history counted anew; scores do not change by it."""
    before = await _locked(connection, workspace_id)
    text = msgspec.json.encode(differing(before.settings)).decode()
    await connection.execute(_SQL.save_settings, workspace_id, text, _day(now))
    await connection.execute(_SQL.note_reclassification, workspace_id, _ALL, now)
    return await _changed(connection, workspace_id)


async def set_entry(
    connection: Connection, workspace_id: WorkspaceId, entry: CatalogueEntry, *, now: datetime
) -> CatalogueEntry:
    """Add an entry, or replace the one of the same event and conditions, be it the workspace's own or a default.

    Raises:
        BadInput: the entry cannot be used; `field` is the path to what is wrong.
        NotFound: there is no such workspace.
    """
    entry = check_entry(entry)
    before = await _locked(connection, workspace_id)
    known = _find(before.entries, entry.event, entry.conditions)
    if known is not None and known.contributions == entry.contributions:
        return known
    entry_id = await _replace(connection, workspace_id, before.entries, entry)
    await connection.execute(_SQL.note_reclassification, workspace_id, [entry.event], now)
    await connection.execute(_SQL.bump, workspace_id)
    return msgspec.structs.replace(entry, entry_id=entry_id)


async def remove_entry(
    connection: Connection,
    workspace_id: WorkspaceId,
    event: str,
    conditions: Sequence[Condition] = (),
    *,
    now: datetime,
) -> CatalogueEntry | None:
    """Take an entry away and return what holds in its place.

    The workspace's own entry goes, and the one of a plugin or the default that it replaced, if any, holds again. Such a
    one is switched off: its events are known then, and count for neither panel.

    Raises:
        NotFound: there is no such entry, or no such workspace.
    """
    before = await _locked(connection, workspace_id)
    known = _find(before.entries, event, conditions)
    if known is None:
        raise NotFound(f"The catalogue has no entry for {event!r} with these conditions.", field=("event",))
    after: CatalogueEntry | None
    if known.entry_id is None:
        after = msgspec.structs.replace(known, contributions=(), description=None, plugin=None)
        after = msgspec.structs.replace(
            after, entry_id=await _replace(connection, workspace_id, before.entries, after)
        )
    else:
        await connection.execute(_SQL.delete_entries, workspace_id, [known.entry_id])
        after = _find((await store.load(connection, workspace_id)).entries, event, conditions)
    if after is None or after.contributions != known.contributions:
        await connection.execute(_SQL.note_reclassification, workspace_id, [known.event], now)
    await connection.execute(_SQL.bump, workspace_id)
    return after


async def define_feature(connection: Connection, workspace_id: WorkspaceId, feature: Feature) -> Feature:
    """Add a feature, or give the one of that key another name and tip. Its use is counted with or without this.

    Raises:
        BadInput: a text is empty or too long.
        NotFound: there is no such workspace.
    """
    feature = checked_feature(feature)
    await _locked(connection, workspace_id)
    await connection.execute(_SQL.save_feature, workspace_id, feature.key, feature.name, feature.tip)
    await connection.execute(_SQL.bump, workspace_id)
    return feature


async def remove_feature(connection: Connection, workspace_id: WorkspaceId, key: str) -> None:
    """Take a feature out of the workspace's list: it no longer counts for adoption. What was used stays counted.

    Raises:
        NotFound: there is no such feature, or no such workspace.
    """
    await _locked(connection, workspace_id)
    if await connection.fetchval(_SQL.delete_feature, workspace_id, key) is None:
        raise NotFound(f"There is no feature {key!r}.", field=("key",))
    await connection.execute(_SQL.bump, workspace_id)


async def mark_changed(connection: Connection, workspace_id: WorkspaceId) -> None:
    """Raise the version for a change of something else that belongs to the workspace; until the caller commits, nobody
    else can. Ingest goes on meanwhile.

    Raises:
        NotFound: there is no such workspace.
    """
    await store.version_of(connection, workspace_id)
    await connection.execute(_SQL.bump, workspace_id)


def _day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def _locked(connection: Connection, workspace_id: WorkspaceId) -> Workspace:
    await connection.execute(_SQL.lock, workspace_id)
    return await store.load(connection, workspace_id)


async def _changed(connection: Connection, workspace_id: WorkspaceId) -> Workspace:
    await connection.execute(_SQL.bump, workspace_id)
    return await store.load(connection, workspace_id)


async def _replace(
    connection: Connection,
    workspace_id: WorkspaceId,
    entries: Sequence[CatalogueEntry],
    entry: CatalogueEntry,
) -> int:
    """Write the entry in the place of those that it replaces, however they were spelled."""
    wanted = entry_key(entry.event, entry.conditions)
    replaced = [
        each.entry_id
        for each in entries
        if each.entry_id is not None and entry_key(each.event, each.conditions) == wanted
    ]
    await connection.execute(_SQL.delete_entries, workspace_id, replaced)
    entry_id: int = await connection.fetchval(
        _SQL.insert_entry,
        workspace_id,
        entry.event,
        msgspec.json.encode(entry.conditions).decode(),
        msgspec.json.encode(entry.contributions).decode(),
    )
    return entry_id


def _find(
    entries: Sequence[CatalogueEntry], event: str, conditions: Sequence[Condition]
) -> CatalogueEntry | None:
    wanted = entry_key(event, conditions)
    return next((entry for entry in entries if entry_key(entry.event, entry.conditions) == wanted), None)


def _reclassified(before: Workspace, settings: WorkspaceSettings) -> list[str] | None:
    """Names of the events that count otherwise under new settings; None: all of them; empty: none."""
    if settings.half_life_days != before.settings.half_life_days:
        return _ALL
    names: set[str] = set()
    for entry in before.entries:
        for contribution in entry.contributions:
            if (
                settings.default_currency != before.settings.default_currency
                and contribution.purchase is not None
            ) or (
                settings.onboarding_steps != before.settings.onboarding_steps
                and Measure.ONBOARDING_STEP in contribution.measures
            ):
                names.add(entry.event)
    return sorted(names)
