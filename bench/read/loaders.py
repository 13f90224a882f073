"""The dataloaders of the peer in dataloaders.py: one statement for all keys that are asked for at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg
from strawberry.dataloader import DataLoader

Rows = Sequence[asyncpg.Record]

# Over views that add up, `= ANY` makes PostgreSQL read far more than it needs (measured: a hundred times slower).
_EACH = (
    "SELECT r.* FROM unnest($1::bigint[]) AS wanted (id)"
    " CROSS JOIN LATERAL (SELECT * FROM reading.{view} v WHERE v.profile_id = wanted.id OFFSET 0) r ORDER BY {order}"
)


def context_of(pool: asyncpg.Pool) -> dict[str, Any]:
    """What the resolvers of one request share."""
    return {
        "pool": pool,
        "profiles": _one(
            pool, "SELECT * FROM reading.profile WHERE profile_id = ANY($1::bigint[])", "profile_id"
        ),
        "accounts": _one(
            pool, "SELECT * FROM reading.account WHERE account_id = ANY($1::bigint[])", "account_id"
        ),
        "figures": _one(
            pool, "SELECT * FROM reading.account_figures WHERE account_id = ANY($1::bigint[])", "account_id"
        ),
        "signals": _many(
            pool,
            _EACH.format(view="signal", order="units DESC, name"),
            "profile_id",
        ),
        "totals": _many(
            pool,
            _EACH.format(view="purchase_total", order="currency"),
            "profile_id",
        ),
        "features": _many(
            pool,
            _EACH.format(view="feature_use", order="count DESC, key"),
            "profile_id",
        ),
        "memberships": _many(
            pool,
            "SELECT * FROM reading.membership WHERE profile_id = ANY($1::bigint[]) ORDER BY account_id",
            "profile_id",
        ),
        "committees": _many(
            pool,
            "SELECT * FROM reading.holder WHERE account_id = ANY($1::bigint[])"
            " AND role IN ('ECONOMIC_BUYER', 'CHAMPION', 'INFLUENCER') ORDER BY role, intent_rank DESC, profile_id",
            "account_id",
        ),
        "members": _pairs(
            pool, "SELECT * FROM reading.membership WHERE profile_id = ANY($1::bigint[])", one=True
        ),
        "roles": _pairs(
            pool,
            "SELECT * FROM reading.role_claim WHERE profile_id = ANY($1::bigint[]) ORDER BY confidence DESC, role",
            one=False,
        ),
    }


def _one(pool: asyncpg.Pool, sql: str, key: str) -> DataLoader[int, asyncpg.Record | None]:
    async def load(keys: list[int]) -> list[asyncpg.Record | None]:
        found = {row[key]: row for row in await pool.fetch(sql, keys)}
        return [found.get(key) for key in keys]

    return DataLoader(load_fn=load)


def _many(pool: asyncpg.Pool, sql: str, key: str) -> DataLoader[int, Rows]:
    async def load(keys: list[int]) -> list[Rows]:
        found = defaultdict(list)
        for row in await pool.fetch(sql, keys):
            found[row[key]].append(row)
        return [found[key] for key in keys]

    return DataLoader(load_fn=load)


def _pairs(pool: asyncpg.Pool, sql: str, *, one: bool) -> DataLoader[tuple[int, int], Any]:
    async def load(keys: list[tuple[int, int]]) -> list[Any]:
        found = defaultdict(list)
        for row in await pool.fetch(sql, [profile_id for profile_id, _ in keys]):
            found[row["profile_id"], row["account_id"]].append(row)
        return [found[key][0] if one else found[key] for key in keys]

    return DataLoader(load_fn=load)
