"""What a workspace allows enrichment: how sure is sure enough, which fields, and how much money."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import BadInput
from cdp.model import WorkspaceId

_QUERIES = load_queries("cdp.enrichment", "settings.sql")

_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_MONEY = Decimal(10) ** 12
_MOST_FIELDS = 500


class Budget(Struct, frozen=True, kw_only=True):
    """What may be spent in one currency."""

    currency: str
    per_day: Decimal
    """On all subjects, from midnight to midnight UTC."""
    per_subject: Decimal | None = None
    """On one person or account in a calendar month; None: no limit but that of the day."""
    spent_today: Decimal = Decimal(0)
    """What is reserved for calls that are under way included."""


class EnrichmentSettings(Struct, frozen=True, kw_only=True):
    """A workspace's settings of enrichment, with defaults that spend nothing."""

    confidence: float = 0.7
    """A field that is known so surely is not asked for any more."""
    fields: tuple[str, ...] | None = None
    """The fields that are wanted; None: whatever providers declare."""
    budgets: tuple[Budget, ...] = ()
    """By currency. No money is spent in one that is missing here."""


async def read(connection: Connection, workspace_id: WorkspaceId) -> EnrichmentSettings:
    """The workspace's settings, with what has been spent today."""
    row = await connection.fetchrow(_QUERIES.settings, workspace_id)
    budgets = tuple(
        Budget(
            currency=one["currency"],
            per_day=one["per_day"],
            per_subject=one["per_subject"],
            spent_today=one["spent"],
        )
        for one in await connection.fetch(_QUERIES.budgets, workspace_id)
    )
    if row is None:
        return EnrichmentSettings(budgets=budgets)
    fields = None if row["fields"] is None else tuple(row["fields"])
    return EnrichmentSettings(confidence=row["confidence"], fields=fields, budgets=budgets)


async def change(
    connection: Connection,
    workspace_id: WorkspaceId,
    *,
    confidence: float,
    fields: Sequence[str] | None,
    budgets: Sequence[Budget],
) -> EnrichmentSettings:
    """Set all of it; in a transaction.

    Raises:
        BadInput: a value cannot be; `field` says which.
    """
    _check(confidence, fields, budgets)
    names = None if fields is None else sorted(set(fields))
    await connection.execute(_QUERIES.set_settings, workspace_id, confidence, names)
    await connection.execute(
        _QUERIES.set_budgets,
        workspace_id,
        [one.currency for one in budgets],
        [one.per_day for one in budgets],
        [one.per_subject for one in budgets],
    )
    await connection.execute(_QUERIES.drop_budgets, workspace_id, [one.currency for one in budgets])
    return await read(connection, workspace_id)


def _check(confidence: float, fields: Sequence[str] | None, budgets: Sequence[Budget]) -> None:
    if not 0 < confidence <= 1:
        raise BadInput("The confidence is above 0 and at most 1.", field=("confidence",))
    if fields is not None and (len(fields) > _MOST_FIELDS or not all(one.strip() for one in fields)):
        raise BadInput(f"Give at most {_MOST_FIELDS} fields, each with a name.", field=("fields",))
    currencies = [one.currency for one in budgets]
    if len(set(currencies)) != len(currencies):
        raise BadInput("Give one budget for each currency.", field=("budgets",))
    for index, one in enumerate(budgets):
        if _CURRENCY.fullmatch(one.currency) is None:
            raise BadInput("A currency is three capital letters.", field=("budgets", str(index), "currency"))
        for name, amount in (("perDay", one.per_day), ("perSubject", one.per_subject)):
            if amount is not None and not (amount.is_finite() and 0 <= amount <= _MOST_MONEY):
                raise BadInput("A budget is an amount, 0 or more.", field=("budgets", str(index), name))
