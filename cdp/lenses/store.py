"""Write summaries, and derive the rows of profiles and memberships from them."""

from __future__ import annotations

from collections.abc import Iterable

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.lenses.summaries import Order, Register, Summaries, Tally
from cdp.model import ProfileId, WorkspaceId

_COMBINE = load_queries("cdp.lenses", "combine.sql")
_REFRESH = load_queries("cdp.lenses", "refresh.sql")


async def combine(connection: Connection, workspace_id: WorkspaceId, summaries: Summaries) -> None:
    """Add a batch's summaries to the stored ones; at most one statement a table, rows in key order.

    The caller's transaction holds the locks of the nodes' profiles.
    """
    if summaries.tallies:
        await _combine_tallies(connection, workspace_id, summaries)
    if summaries.days:
        days = sorted(summaries.days.items())
        keys = list(zip(*(key for key, _ in days), strict=True))
        await connection.execute(_COMBINE.combine_days, workspace_id, *keys, [count for _, count in days])
    if summaries.registers:
        await _combine_registers(connection, workspace_id, summaries)
    if summaries.orders:
        await _combine_orders(connection, workspace_id, summaries)


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


async def _combine_tallies(connection: Connection, workspace_id: WorkspaceId, summaries: Summaries) -> None:
    items: list[tuple[tuple[int, int, str, str], Tally]] = sorted(summaries.tallies.items(), key=_by_key)
    await connection.execute(
        _COMBINE.combine_tallies,
        workspace_id,
        *zip(*(key for key, _ in items), strict=True),
        [tally.count for _, tally in items],
        [tally.first_at for _, tally in items],
        [tally.last_at for _, tally in items],
        [str(tally.units) for _, tally in items],
    )


async def _combine_registers(connection: Connection, workspace_id: WorkspaceId, summaries: Summaries) -> None:
    items: list[tuple[tuple[int, int, str, str], Register]] = sorted(summaries.registers.items(), key=_by_key)
    await connection.execute(
        _COMBINE.combine_registers,
        workspace_id,
        *zip(*(key for key, _ in items), strict=True),
        [register.value for _, register in items],
        [register.occurred_at for _, register in items],
        [register.message_id for _, register in items],
        [register.source for _, register in items],
    )


async def _combine_orders(connection: Connection, workspace_id: WorkspaceId, summaries: Summaries) -> None:
    items: list[tuple[tuple[int, int, str], Order]] = sorted(summaries.orders.items(), key=_by_key)
    orders = [order for _, order in items]
    await connection.execute(
        _COMBINE.combine_orders,
        workspace_id,
        *zip(*(key for key, _ in items), strict=True),
        [order.currency for order in orders],
        [order.total for order in orders],
        [order.total_at for order in orders],
        [order.total_message_id for order in orders],
        [order.refunded for order in orders],
        [order.refunded_whole for order in orders],
        [order.cancelled for order in orders],
        [order.first_at for order in orders],
        [order.last_at for order in orders],
    )


def _by_key(item: tuple[tuple[int, int, str, str] | tuple[int, int, str], object]) -> tuple[int | str, ...]:
    return item[0]
