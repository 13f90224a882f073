"""Noting what changed, in the transaction that settles the people: compared with how they stood, kept for plugins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cdp.changes.portrait import Difference, Portrait, absorbed, differences, went_into
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import ProfileId, WorkspaceId

queries = load_queries("cdp.changes", "store.sql")


class Drawn(Struct, frozen=True, kw_only=True):
    """How a person stands, and until when at least, should nothing happen."""

    portrait: Portrait
    fades_at: datetime | None = None


_portrait = msgspec.json.Decoder(Portrait)


async def note(
    connection: Connection,
    workspace_id: WorkspaceId,
    portraits: Mapping[ProfileId, Drawn],
    listeners: Mapping[str, Collection[str]],
    *,
    since: datetime,
    now: datetime,
) -> int:
    """Have plugins told in what these people differ from how they stood; how many things that are.

    A person who was there before anybody wanted to know, and was never portrayed, is portrayed in silence.

    Args:
        connection: in the transaction that settles the people, which keeps others from settling them.
        workspace_id: the tenant.
        portraits: how they stand now.
        listeners: for each hook, the plugins that are to be told.
        since: when this process began to listen; where others were first in this workspace, theirs counts.
        now: when it is noted.
    """
    if not portraits:
        return 0
    since = await connection.fetchval(queries.begin, workspace_id, since)
    rows = await connection.fetch(queries.portraits, workspace_id, sorted(portraits))
    gone: dict[ProfileId, list[tuple[ProfileId, Portrait]]] = {}
    for row in rows:
        if row["merged_into"] is not None and row["state"] is not None:
            into = ProfileId(row["merged_into"])
            gone.setdefault(into, []).append((ProfileId(row["profile_id"]), _portrait.decode(row["state"])))
    found: list[tuple[ProfileId, Difference]] = []
    changed: list[ProfileId] = []
    for row in rows:
        profile_id = ProfileId(row["profile_id"])
        if profile_id not in portraits or row["merged_into"] is not None:
            continue
        drawn = portraits[profile_id]
        before = _portrait.decode(row["state"]) if row["state"] is not None else None
        took_in = gone.get(profile_id, [])
        found += [(was, went_into(was, portrait, profile_id)) for was, portrait in took_in]
        if before != drawn.portrait or _is_sooner(drawn.fades_at, row["fades_at"]):
            changed.append(profile_id)
        if before is None and row["created_at"] < since:
            continue
        compared = absorbed(before, [portrait for _, portrait in took_in])
        found += [(profile_id, one) for one in differences(profile_id, compared, drawn.portrait)]
    await _keep(connection, workspace_id, {one: portraits[one] for one in changed}, now)
    if gone:
        merged = [was for took_in in gone.values() for was, _ in took_in]
        await connection.execute(queries.drop_portraits, workspace_id, merged)
    return await _note(connection, workspace_id, found, listeners, now)


async def _keep(
    connection: Connection, workspace_id: WorkspaceId, portraits: Mapping[ProfileId, Drawn], now: datetime
) -> None:
    if portraits:
        texts = [msgspec.json.encode(drawn.portrait).decode() for drawn in portraits.values()]
        fading = [drawn.fades_at for drawn in portraits.values()]
        await connection.execute(queries.keep_portraits, workspace_id, list(portraits), texts, fading, now)


async def faded(
    connection: Connection, workspace_id: WorkspaceId, *, now: datetime, limit: int
) -> list[ProfileId]:
    """People whom time alone has moved along a journey, or may have; the caller has them settled."""
    rows = await connection.fetch(queries.faded, workspace_id, now, limit)
    return [ProfileId(row["profile_id"]) for row in rows]


def _is_sooner(wanted: datetime | None, kept: datetime | None) -> bool:
    """Whether somebody must be looked at before the time that is noted; later ones are noted when they are."""
    return wanted is not None and (kept is None or wanted < kept)


async def _note(
    connection: Connection,
    workspace_id: WorkspaceId,
    found: Sequence[tuple[ProfileId, Difference]],
    listeners: Mapping[str, Collection[str]],
    now: datetime,
) -> int:
    told: list[tuple[str, ProfileId, str, str, str | None, str | None, str | None]] = []
    for profile_id, one in found:
        if to := listeners.get(one.hook):
            about, before, after = _text(one.about), _text(one.before), _text(one.after)
            told += [
                (plugin, profile_id, one.hook, one.subject, about, before, after) for plugin in sorted(to)
            ]
    if told:
        await connection.execute(queries.note, workspace_id, *map(list, zip(*told, strict=True)), now)
        await connection.execute(queries.forget_undone, workspace_id, sorted({one[1] for one in told}))
        await connection.execute(queries.wake)
    return len(told)


def _text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
