"""The types of the peer in dataloaders.py, each with resolvers that ask a loader for what it does not hold."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import asyncpg
import strawberry
from strawberry.types import Info

from cdp.model import Stage as BuyingStage

Stage = strawberry.enum(BuyingStage, name="BuyingStage")


@strawberry.type
class Signal:
    name: str
    count: int
    last_at: datetime
    weight: float


@strawberry.type
class Money:
    currency: str
    amount: Decimal


@strawberry.type
class Purchases:
    profile_id: strawberry.Private[int]
    count: int

    @strawberry.field
    async def totals(self, info: Info) -> list[Money]:
        rows = await info.context["totals"].load(self.profile_id)
        return [Money(currency=row["currency"], amount=row["amount"]) for row in rows]


@strawberry.type
class BuyerIntent:
    row: strawberry.Private[asyncpg.Record]
    score: float
    level: str

    @strawberry.field
    def stage(self) -> Stage | None:
        return stage_of(self.row["stage"])

    @strawberry.field
    def furthest_stage(self) -> Stage | None:
        return stage_of(self.row["furthest_stage"])

    @strawberry.field
    async def signals(self, info: Info) -> list[Signal]:
        rows = await info.context["signals"].load(self.row["profile_id"])
        return [
            Signal(name=row["name"], count=row["count"], last_at=row["last_at"], weight=row["weight"])
            for row in rows
        ]

    @strawberry.field
    def purchases(self) -> Purchases:
        return Purchases(profile_id=self.row["profile_id"], count=self.row["purchase_count"])


@strawberry.type
class FeatureUse:
    key: str
    count: int
    last_at: datetime


@strawberry.type
class Usage:
    row: strawberry.Private[asyncpg.Record]
    phase: str
    active_days: int
    last_used_at: datetime | None

    @strawberry.field
    def adoption_rate(self) -> float | None:
        return self.row["adoption_rate"]

    @strawberry.field
    def stickiness(self) -> float:
        return self.row["stickiness"]

    @strawberry.field
    async def features(self, info: Info) -> list[FeatureUse]:
        rows = await info.context["features"].load(self.row["profile_id"])
        return [FeatureUse(key=row["key"], count=row["count"], last_at=row["last_at"]) for row in rows]


@strawberry.type
class Role:
    role: str
    confidence: float


@strawberry.type
class Membership:
    row: strawberry.Private[asyncpg.Record]
    since: datetime | None

    @strawberry.field
    async def person(self, info: Info) -> Profile:
        return profile_of(await info.context["profiles"].load(self.row["profile_id"]))

    @strawberry.field
    async def account(self, info: Info) -> Account | None:
        return account_of(await info.context["accounts"].load(self.row["account_id"]))

    @strawberry.field
    async def roles(self, info: Info) -> list[Role]:
        rows = await info.context["roles"].load((self.row["profile_id"], self.row["account_id"]))
        return [Role(role=row["role"], confidence=row["confidence"]) for row in rows]

    @strawberry.field
    def buyer_intent(self) -> BuyerIntent:
        return intent_of(self.row)

    @strawberry.field
    def usage(self) -> Usage:
        return usage_of(self.row)


@strawberry.type
class Memberships:
    nodes: list[Membership]


@strawberry.type
class Profile:
    row: strawberry.Private[asyncpg.Record]
    display_name: str | None

    @strawberry.field
    def buyer_intent(self) -> BuyerIntent:
        return intent_of(self.row)

    @strawberry.field
    def usage(self) -> Usage:
        return usage_of(self.row)

    @strawberry.field
    async def memberships(self, info: Info) -> Memberships:
        rows = await info.context["memberships"].load(self.row["profile_id"])
        return Memberships(nodes=[membership_of(row) for row in rows])


@strawberry.type
class CommitteeSeat:
    role: str
    members: list[Membership]


@strawberry.type
class AccountPurchases:
    count: int


@strawberry.type
class AccountIntent:
    row: strawberry.Private[asyncpg.Record]
    score: float
    level: str

    @strawberry.field
    def stage(self) -> Stage | None:
        return stage_of(self.row["stage"])

    @strawberry.field
    def purchases(self) -> AccountPurchases:
        return AccountPurchases(count=self.row["purchase_count"])

    @strawberry.field
    async def committee(self, info: Info) -> list[CommitteeSeat]:
        holders = await info.context["committees"].load(self.row["account_id"])
        keys = [(holder["profile_id"], holder["account_id"]) for holder in holders]
        rows = await info.context["members"].load_many(keys)
        seats: dict[str, CommitteeSeat] = {}
        for holder, row in zip(holders, rows, strict=True):
            seat = seats.setdefault(holder["role"], CommitteeSeat(role=holder["role"], members=[]))
            seat.members.append(membership_of(row))
        return list(seats.values())


@strawberry.type
class ActivePeople:
    monthly: int


@strawberry.type
class AccountUsage:
    phase: str
    active_people: ActivePeople


@strawberry.type
class Account:
    row: strawberry.Private[asyncpg.Record]
    name: str | None
    domain: str | None

    @strawberry.field
    async def buyer_intent(self, info: Info) -> AccountIntent:
        row = await info.context["figures"].load(self.row["account_id"])
        return AccountIntent(row=row, score=row["score"], level=row["level"])

    @strawberry.field
    async def usage(self, info: Info) -> AccountUsage:
        row = await info.context["figures"].load(self.row["account_id"])
        return AccountUsage(phase=row["phase"], active_people=ActivePeople(monthly=row["monthly"]))

    @strawberry.field
    async def people(self, info: Info, role: list[str], first: int = 20) -> Memberships:
        rows = await info.context["pool"].fetch(
            "SELECT * FROM reading.membership m WHERE m.account_id = $1 AND EXISTS (SELECT FROM reading.holder h"
            " WHERE h.account_id = $1 AND h.profile_id = m.profile_id AND h.role = ANY($2::text[]))"
            " ORDER BY m.profile_id LIMIT $3",
            self.row["account_id"],
            role,
            first,
        )
        return Memberships(nodes=[membership_of(row) for row in rows])


def stage_of(name: str | None) -> Stage | None:
    return None if name is None else BuyingStage[name]


def intent_of(row: asyncpg.Record) -> BuyerIntent:
    return BuyerIntent(row=row, score=row["score"], level=row["level"])


def usage_of(row: asyncpg.Record) -> Usage:
    return Usage(
        row=row, phase=row["phase"], active_days=row["active_days"], last_used_at=row["last_used_at"]
    )


def profile_of(row: asyncpg.Record) -> Profile:
    return Profile(row=row, display_name=row["display_name"])


def membership_of(row: asyncpg.Record) -> Membership:
    return Membership(row=row, since=row["since"])


def account_of(row: asyncpg.Record | None) -> Account | None:
    return None if row is None else Account(row=row, name=row["name"], domain=row["domain"])
