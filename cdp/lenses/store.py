"""Write summaries, and derive the rows of profiles and memberships from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from cdp.db.pool import Connection, planned_for
from cdp.db.queries import load_queries
from cdp.lenses.additions import Changes, Row, Standing, add_up
from cdp.lenses.summaries import Order, Register, Summaries, Tally
from cdp.model import ProfileId, WorkspaceId

_ADVANCE = load_queries("cdp.lenses", "advance.sql")
_COMBINE = load_queries("cdp.lenses", "combine.sql")
_REFRESH = load_queries("cdp.lenses", "refresh.sql")
_encode = msgspec.json.encode
_NO_STAGES = "{NULL,NULL,NULL,NULL,NULL,NULL,NULL}"


async def combine(connection: Connection, workspace_id: WorkspaceId, summaries: Summaries) -> None:
    """Add a batch's summaries to the stored ones, in one statement; rows in key order.

    The caller's transaction holds the locks of the nodes' profiles.
    """
    if summaries.tallies or summaries.days or summaries.registers or summaries.orders:
        await connection.execute(
            _COMBINE.combine,
            workspace_id,
            *_tallies(summaries),
            *_days(summaries),
            *_registers(summaries),
            *_orders(summaries),
        )


async def advance(
    connection: Connection, workspace_id: WorkspaceId, summaries: Summaries, changes: Changes, now: datetime
) -> None:
    """Bring the rows of profiles and memberships up to date with the summaries that a flush has just combined.

    What can be added is added, and the rest derived: the rows are the same as after a `refresh` of all these profiles.
    The caller's transaction holds the profiles' locks.
    """
    profiles = set(changes.profile_of.values()).difference(changes.born)
    standing_of = await _standings(connection, workspace_id, profiles)
    additions = add_up(summaries, changes, standing_of)
    if additions.rows:
        await _add(connection, workspace_id, additions.rows, now)
    if additions.anew:
        await begin(connection, workspace_id, additions.anew.intersection(changes.born), now)
        async with planned_for(connection, len(additions.anew)):
            await refresh(connection, workspace_id, additions.anew)


async def begin(
    connection: Connection, workspace_id: WorkspaceId, born: Collection[ProfileId], now: datetime
) -> None:
    """Make the empty rows of profiles of which there are only nodes yet, for what derives them."""
    if born:
        await connection.execute(_ADVANCE.begin_profiles, workspace_id, now, list(born))


async def refresh(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Iterable[ProfileId]
) -> None:
    """Derive anew the rows of these profiles and of their memberships; memberships that no longer hold go.

    The caller's transaction holds the profiles' locks. Of profiles that were merged into one of these, the memberships
    go as well.
    """
    wanted = sorted(set(profile_ids))
    if wanted:
        await connection.execute(_REFRESH.refresh, workspace_id, wanted)


async def _standings(
    connection: Connection, workspace_id: WorkspaceId, profile_ids: Collection[ProfileId]
) -> dict[ProfileId, Standing]:
    if not profile_ids:
        return {}
    standing_of: dict[ProfileId, Standing] = {}
    rows = await connection.fetch(_ADVANCE.standings, workspace_id, list(profile_ids))
    for profile_id, account_id, home, whole in rows:
        standing = standing_of.setdefault(profile_id, Standing())
        standing.accounts.add(account_id)
        standing.whole &= whole
        if home:
            standing.home = account_id
    return standing_of


async def _add(connection: Connection, workspace_id: WorkspaceId, rows: Sequence[Row], now: datetime) -> None:
    rows = sorted(rows, key=lambda row: row.profile_id)
    added = [row.addition for row in rows]
    evidence = [row.evidence for row in rows]
    await connection.execute(
        _ADVANCE.advance,
        workspace_id,
        now,
        [row.profile_id for row in rows],
        [row.whole for row in rows],
        [row.target for row in rows],
        [row.home for row in rows],
        [None if one is None else one.source for one in evidence],
        [None if one is None else one.since for one in evidence],
        [row.born for row in rows],
        [row.joined for row in rows],
        [row.named for row in rows],
        [row.bought for row in rows],
        [row.single for row in rows],
        [one.first_seen_at for one in added],
        [one.last_seen_at for one in added],
        [str(one.intent_units) for one in added],
        [one.intent_last_at for one in added],
        [_stage_units(one.stage_units) for one in added],
        [one.usage_first_at for one in added],
        [one.last_used_at for one in added],
        [one.activated_at for one in added],
        [_used_days(one.used_days) for one in added],
        [_feature_last(one.feature_last) for one in added],
        [str(one.influence_units) for one in added],
    )


def _stage_units(units: Sequence[int | None] | None) -> str:
    """As an array of numerics in PostgreSQL's notation."""
    if units is None:
        return _NO_STAGES
    return "{" + ",".join("NULL" if one is None else str(one) for one in units) + "}"


def _used_days(days: Collection[date]) -> str:
    """As an array of dates, in order, none of them 400 days older than the last."""
    if not days:
        return "{}"
    oldest = max(days) - timedelta(days=400)
    return "{" + ",".join(str(day) for day in sorted(days) if day >= oldest) + "}"


def _feature_last(feature_last: dict[str, datetime]) -> str:
    """As PostgreSQL writes moments in JSON: without zeros at the end of the fraction."""
    if not feature_last:
        return "{}"
    return _encode({key: _written(moment) for key, moment in feature_last.items()}).decode()


def _written(moment: datetime) -> str:
    text = moment.isoformat()
    return text if moment.microsecond == 0 else f"{text[:26].rstrip('0')}{text[26:]}"


def _tallies(summaries: Summaries) -> Iterator[Sequence[Any]]:
    items: list[tuple[tuple[int, int, str, str], Tally]] = sorted(summaries.tallies.items(), key=_by_key)
    yield from _columns([key for key, _ in items], 4)
    yield [tally.count for _, tally in items]
    yield [tally.first_at for _, tally in items]
    yield [tally.last_at for _, tally in items]
    yield [str(tally.units) for _, tally in items]


def _days(summaries: Summaries) -> Iterator[Sequence[Any]]:
    items = sorted(summaries.days.items())
    yield from _columns([key for key, _ in items], 4)
    yield [count for _, count in items]


def _registers(summaries: Summaries) -> Iterator[Sequence[Any]]:
    items: list[tuple[tuple[int, int, str, str], Register]] = sorted(summaries.registers.items(), key=_by_key)
    yield from _columns([key for key, _ in items], 4)
    yield [register.value for _, register in items]
    yield [register.occurred_at for _, register in items]
    yield [register.message_id for _, register in items]
    yield [register.source for _, register in items]


def _orders(summaries: Summaries) -> Iterator[Sequence[Any]]:
    items: list[tuple[tuple[int, int, str], Order]] = sorted(summaries.orders.items(), key=_by_key)
    yield from _columns([key for key, _ in items], 3)
    orders = [order for _, order in items]
    yield [order.currency for order in orders]
    yield [order.total for order in orders]
    yield [order.total_at for order in orders]
    yield [order.total_message_id for order in orders]
    yield [order.refunded for order in orders]
    yield [order.refunded_whole for order in orders]
    yield [order.cancelled for order in orders]
    yield [order.first_at for order in orders]
    yield [order.last_at for order in orders]


def _columns(keys: Sequence[tuple[Any, ...]], width: int) -> Iterable[Sequence[Any]]:
    return zip(*keys, strict=True) if keys else [()] * width


def _by_key(item: tuple[tuple[int, int, str, str] | tuple[int, int, str], object]) -> tuple[int | str, ...]:
    return item[0]
