"""What dropped events had added to the summaries: kept per node, so that a rebuild finds it.

A summary is its base combined with the fold of the events that are left. Dropping events adds their fold to the base in
the transaction that deletes them, so no summary changes by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.lenses.summaries import UNTOLD, Order, Register, Summaries, Tally
from cdp.model import AccountId, NodeId, Workspace, WorkspaceId

_SQL = load_queries("cdp.lenses", "base.sql")


async def add(connection: Connection, workspace: Workspace, summaries: Summaries) -> None:
    """Add the fold of events that this transaction deletes; it holds the locks of their nodes' profiles."""
    workspace_id = workspace.workspace_id
    if summaries.tallies:
        tallies = sorted(summaries.tallies.items(), key=_by_key)
        await connection.execute(
            _SQL.add_tallies,
            workspace_id,
            *zip(*(key for key, _ in tallies), strict=True),
            [tally.count for _, tally in tallies],
            [tally.first_at for _, tally in tallies],
            [tally.last_at for _, tally in tallies],
            [str(tally.units) for _, tally in tallies],
            workspace.epoch,
            workspace.settings.half_life_days,
        )
    if summaries.days:
        days = sorted(summaries.days.items())
        keys = zip(*(key for key, _ in days), strict=True)
        await connection.execute(_SQL.add_days, workspace_id, *keys, [count for _, count in days])
    if summaries.registers:
        registers = sorted(summaries.registers.items(), key=_by_key)
        await connection.execute(
            _SQL.add_registers,
            workspace_id,
            *zip(*(key for key, _ in registers), strict=True),
            [register.value for _, register in registers],
            [register.occurred_at for _, register in registers],
            [register.message_id for _, register in registers],
            [register.source for _, register in registers],
        )
    if summaries.orders:
        await _add_orders(connection, workspace_id, summaries)


async def of_nodes(connection: Connection, workspace: Workspace, nodes: Sequence[NodeId]) -> Summaries:
    """What dropped events had added to these nodes, their weights as seen from the workspace's epoch.

    Weights from before a change of the half-life are worth at the new epoch what they were, and decay anew from there.
    """
    workspace_id = workspace.workspace_id
    tallies = await connection.fetch(_SQL.tallies_of, workspace_id, nodes, workspace.epoch)
    days = await connection.fetch(_SQL.days_of, workspace_id, nodes)
    registers = await connection.fetch(_SQL.registers_of, workspace_id, nodes)
    return Summaries(
        tallies={
            (*_place(row), row["kind"], row["key"]): Tally(
                row["count"], row["first_at"], row["last_at"], int(row["units"])
            )
            for row in tallies
        },
        days={(*_place(row), row["feature"], row["day"]): row["count"] for row in days},
        registers={
            (*_place(row), row["kind"], row["key"]): Register(
                row["occurred_at"], row["message_id"], row["value"], row["source"]
            )
            for row in registers
        },
        orders=await _orders(connection, workspace_id, nodes, None),
    )


async def _add_orders(connection: Connection, workspace_id: WorkspaceId, summaries: Summaries) -> None:
    """Orders combine by their own rules: those that are known are read, added to, and written whole."""
    nodes = sorted({node for node, _, _ in summaries.orders})
    ids = sorted({order_id for _, _, order_id in summaries.orders})
    known = Summaries(orders=await _orders(connection, workspace_id, nodes, ids))
    known.add(Summaries(orders=summaries.orders))
    items = [(key, known.orders[key]) for key in sorted(summaries.orders)]
    orders = [order for _, order in items]
    await connection.execute(
        _SQL.set_orders,
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


async def _orders(
    connection: Connection, workspace_id: WorkspaceId, nodes: Sequence[NodeId], ids: Sequence[str] | None
) -> dict[tuple[NodeId, AccountId, str], Order]:
    rows = await connection.fetch(_SQL.orders_of, workspace_id, nodes, ids)
    return {
        (*_place(row), row["order_id"]): Order(
            first_at=row["first_at"],
            last_at=row["last_at"],
            currency=row["currency"],
            total=Decimal(row["total"]),
            total_at=_moment(row["total_at"]),
            total_message_id=row["total_message_id"],
            refunded=Decimal(row["refunded"]),
            refunded_whole=row["refunded_whole"],
            cancelled=row["cancelled"],
        )
        for row in rows
    }


def _moment(at: datetime | None) -> datetime | None:
    """UNTOLD, the first moment that there is, is PostgreSQL's -infinity, which comes back without a zone."""
    return UNTOLD if at is not None and at.tzinfo is None else at


def _place(row: Mapping[str, Any]) -> tuple[NodeId, AccountId]:
    return NodeId(row["node_id"]), AccountId(row["account_id"])


def _by_key(item: tuple[tuple[Any, ...], object]) -> tuple[Any, ...]:
    return item[0]
