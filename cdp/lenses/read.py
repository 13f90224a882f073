"""Read the two panels as values, for plugins: set-based, whatever the number of people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.lenses import phases
from cdp.lenses.fold import decayed
from cdp.lenses.summaries import ZERO, Order, Tally
from cdp.model import (
    AccountFacts,
    AccountId,
    AccountKind,
    FeatureUseFacts,
    Identifier,
    IntentFacts,
    Measure,
    MembershipFacts,
    ProfileFacts,
    ProfileId,
    SignalFacts,
    Stage,
    UsageFacts,
    Workspace,
)

_SQL = load_queries("cdp.lenses", "read.sql")
_MEASURES = frozenset(measure.value for measure in Measure)

Row = Mapping[str, Any]


class _Facts(Struct):
    """What is stored of one person besides the rows: tallies and orders by account."""

    tallies: list[tuple[AccountId, str, str, Tally]]
    orders: list[tuple[AccountId, str, Order]]


async def profile_facts(
    connection: Connection, workspace: Workspace, profile_ids: Collection[ProfileId], as_of: datetime
) -> dict[ProfileId, ProfileFacts]:
    """People with both views over all their accounts. Ids that are not, or no longer, a profile are missing."""
    rows = await connection.fetch(_SQL.profiles, workspace.workspace_id, list(profile_ids))
    facts = await _facts(connection, workspace, profile_ids)
    return {
        ProfileId(row["profile_id"]): _profile(row, facts[ProfileId(row["profile_id"])], workspace, as_of)
        for row in rows
    }


async def membership_facts(
    connection: Connection, workspace: Workspace, profile_ids: Collection[ProfileId], as_of: datetime
) -> dict[tuple[ProfileId, AccountId], MembershipFacts]:
    """Every membership of these people, ended ones included; account 0 is the one with themselves (`account` None)."""
    workspace_id = workspace.workspace_id
    people = await connection.fetch(_SQL.profiles, workspace_id, list(profile_ids))
    members = await connection.fetch(_SQL.memberships, workspace_id, list(profile_ids))
    facts = await _facts(connection, workspace, profile_ids)
    accounts = await account_facts(
        connection, workspace, {AccountId(row["account_id"]) for row in members} - {AccountId(0)}, as_of
    )
    profiles = {
        row["profile_id"]: _profile(row, facts[ProfileId(row["profile_id"])], workspace, as_of)
        for row in people
    }
    return {
        (ProfileId(row["profile_id"]), AccountId(row["account_id"])): MembershipFacts(
            profile=profiles[row["profile_id"]],
            account=accounts.get(AccountId(row["account_id"])),
            own=row["own"],
            intent=_intent(row, facts[row["profile_id"]], row["scope"], workspace, as_of),
            usage=_usage(row, facts[row["profile_id"]], row["scope"], workspace, as_of),
            since=row["since"],
            until=row["until"],
            as_of=as_of,
        )
        for row in members
        if row["profile_id"] in profiles
    }


async def account_facts(
    connection: Connection, workspace: Workspace, account_ids: Collection[AccountId], as_of: datetime
) -> dict[AccountId, AccountFacts]:
    """Accounts with the figures of the people in them. Ids that are no account are missing."""
    rows = await connection.fetch(_SQL.accounts, workspace.workspace_id, sorted(account_ids), as_of)
    return {
        AccountId(row["account_id"]): AccountFacts(
            account_id=AccountId(row["account_id"]),
            kind=AccountKind(row["kind"]),
            name=row["name"],
            domain=row["domain"],
            traits=msgspec.json.decode(row["traits"]),
            purchase_count=row["purchase_count"],
            member_count=row["member_count"],
        )
        for row in rows
    }


async def _facts(
    connection: Connection, workspace: Workspace, profile_ids: Collection[ProfileId]
) -> dict[ProfileId, _Facts]:
    found = {profile_id: _Facts([], []) for profile_id in profile_ids}
    for row in await connection.fetch(_SQL.tallies, workspace.workspace_id, list(profile_ids)):
        tally = Tally(row["count"], row["first_at"], row["last_at"], int(row["units"]))
        found[row["profile_id"]].tallies.append((row["account_id"], row["kind"], row["key"], tally))
    for row in await connection.fetch(_SQL.orders, workspace.workspace_id, list(profile_ids)):
        order = Order(**{name: row[name] for name in Order.__struct_fields__})
        found[row["profile_id"]].orders.append((row["account_id"], row["order_id"], order))
    return found


def _profile(row: Row, facts: _Facts, workspace: Workspace, as_of: datetime) -> ProfileFacts:
    identifiers = zip(row["kinds"] or (), row["values"] or (), strict=True)
    return ProfileFacts(
        profile_id=ProfileId(row["profile_id"]),
        display_name=row["display_name"],
        identifiers=tuple(Identifier(kind, value) for kind, value in identifiers),
        traits=msgspec.json.decode(row["traits"]),
        intent=_intent(row, facts, None, workspace, as_of),
        usage=_usage(row, facts, None, workspace, as_of),
        as_of=as_of,
    )


def _intent(
    row: Row, facts: _Facts, scope: Sequence[int] | None, workspace: Workspace, as_of: datetime
) -> IntentFacts:
    settings = workspace.settings
    score = phases.score(
        row["intent_rank"], epoch=workspace.epoch, half_life_days=settings.half_life_days, as_of=as_of
    )
    signals = [
        SignalFacts(
            name=name,
            count=tally.count,
            first_at=tally.first_at,
            last_at=tally.last_at,
            weight=decayed(
                tally.units, epoch=workspace.epoch, half_life_days=settings.half_life_days, as_of=as_of
            ),
        )
        for name, tally in _added(facts, scope, "signal").items()
    ]
    return IntentFacts(
        score=score,
        level=phases.level(score, settings),
        stage=Stage(row["stage"]) if row["stage"] else None,
        furthest_stage=Stage(row["furthest_stage"]) if row["furthest_stage"] else None,
        signals=tuple(sorted(signals, key=lambda signal: (-signal.weight, signal.name))),
        purchase_count=row["purchase_count"],
        totals=order_totals((key, order) for account, key, order in facts.orders if _in(account, scope)),
    )


def _usage(
    row: Row, facts: _Facts, scope: Sequence[int] | None, workspace: Workspace, as_of: datetime
) -> UsageFacts:
    settings = workspace.settings
    used_days = tuple(row["used_days"])
    uses = [
        FeatureUseFacts(feature=key, count=tally.count, first_at=tally.first_at, last_at=tally.last_at)
        for key, tally in _added(facts, scope, "feature").items()
    ]
    measures: dict[str, int] = {}
    for account, kind, _, tally in facts.tallies:
        if kind in _MEASURES and _in(account, scope):
            measures[kind] = measures.get(kind, 0) + tally.count
    return UsageFacts(
        phase=phases.phase(
            used_days=used_days,
            feature_last=phases.feature_times(msgspec.json.decode(row["feature_last"])),
            activated_at=row["activated_at"],
            last_used_at=row["last_used_at"],
            settings=settings,
            as_of=as_of,
        ),
        first_used_at=row["usage_first_at"],
        last_used_at=row["last_used_at"],
        active_days=phases.active_days(used_days, as_of=as_of, window_days=settings.window_days),
        window_days=settings.window_days,
        features=tuple(sorted(uses, key=lambda use: (-use.count, use.feature))),
        measures=measures,
        used_days=used_days,
    )


def order_totals(orders: Iterable[tuple[str, Order]]) -> dict[str, Decimal]:
    """What orders and contracts are worth, exactly, per currency; those of one id are one order."""
    by_id: dict[str, Order] = {}
    for key, order in orders:
        known = by_id.get(key)
        if known is None:
            by_id[key] = msgspec.structs.replace(order)
        else:
            known.add(order)
    totals: dict[str, Decimal] = {}
    for order in by_id.values():
        if order.counts:
            totals[order.currency] = totals.get(order.currency, ZERO) + order.net
    return dict(sorted(totals.items()))


def _added(facts: _Facts, scope: Sequence[int] | None, wanted: str) -> dict[str, Tally]:
    """Tallies of one kind by key, added up over the accounts of the scope (None: all)."""
    added: dict[str, Tally] = {}
    for account, kind, key, tally in facts.tallies:
        if kind == wanted and _in(account, scope):
            known = added.get(key)
            if known is None:
                added[key] = msgspec.structs.replace(tally)
            else:
                known.add(tally)
    return added


def _in(account: int, scope: Sequence[int] | None) -> bool:
    return scope is None or account in scope
