"""Summaries: the mergeable digest of many events, per (node, account). Their combination is a commutative monoid."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

from msgspec import Struct, field
from msgspec.structs import replace

from cdp.model import AccountId, NodeId

UNTOLD = datetime(1, 1, 1, tzinfo=UTC)
"""`Order.total_at` of a purchase whose events told no amount: it counts, and any amount that is told overrides it."""

ZERO = Decimal(0)

TallyKey = tuple[NodeId, AccountId, str, str]
"""node, account, kind, key."""
DayKey = tuple[NodeId, AccountId, str, date]
"""node, account, feature ('' is any usage), day in UTC."""
RegisterKey = tuple[NodeId, AccountId, str, str]
"""node, account, kind, key."""
OrderKey = tuple[NodeId, AccountId, str]
"""node, account, order id."""


class Tally(Struct):
    """How often, from when to when, and with which forward-decayed weight."""

    count: int
    first_at: datetime
    last_at: datetime
    units: int = 0
    """Σ round(weight · 2^((t − epoch)/half-life) · 2^40): whole numbers, so that any order of addition is exact."""

    def add(self, other: Tally) -> None:
        """Take in another tally of the same kind and key."""
        self.count += other.count
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)
        self.units += other.units


class Register(Struct, frozen=True):
    """A value with its place in time; of two, the later one stands."""

    occurred_at: datetime
    message_id: str
    value: str
    """JSON; `null` says that the value was taken away."""
    source: str

    def later(self, other: Register) -> Register:
        """Which of the two stands."""
        mine = (self.occurred_at, self.message_id, self.value, self.source)
        theirs = (other.occurred_at, other.message_id, other.value, other.source)
        return other if theirs > mine else self


class Order(Struct):
    """One order or contract. It counts as a purchase when `counts`, and then is worth `net`."""

    first_at: datetime
    last_at: datetime
    currency: str
    total: Decimal = ZERO
    total_at: datetime | None = None
    """None while only a refund or a cancellation has arrived; UNTOLD while no amount was told."""
    total_message_id: str | None = None
    refunded: Decimal = ZERO
    refunded_whole: bool = False
    cancelled: bool = False

    @property
    def counts(self) -> bool:
        """Bought, and neither cancelled nor given back whole."""
        back = self.refunded_whole or (self.refunded > 0 and self.refunded >= self.total)
        return self.total_at is not None and not self.cancelled and not back

    @property
    def net(self) -> Decimal:
        """What was paid and kept, where it counts."""
        return self.total - self.refunded

    def add(self, other: Order) -> None:
        """Take in what another (node, account), or another batch, knows of the same order."""
        if other.total_at is not None:
            if self.total_at is None or self._told < other._told:
                self.currency, self.total = other.currency, other.total
                self.total_at, self.total_message_id = other.total_at, other.total_message_id
        elif self.total_at is None:
            self.currency = min(self.currency, other.currency)
        self.refunded += other.refunded
        self.refunded_whole |= other.refunded_whole
        self.cancelled |= other.cancelled
        self.first_at = min(self.first_at, other.first_at)
        self.last_at = max(self.last_at, other.last_at)

    @property
    def _told(self) -> tuple[datetime, str, Decimal, str]:
        return self.total_at or UNTOLD, self.total_message_id or "", self.total, self.currency


class Summaries(Struct):
    """The digest of a batch, one dictionary per table. The empty one is the zero of `combine`."""

    tallies: dict[TallyKey, Tally] = field(default_factory=dict)
    days: dict[DayKey, int] = field(default_factory=dict)
    registers: dict[RegisterKey, Register] = field(default_factory=dict)
    orders: dict[OrderKey, Order] = field(default_factory=dict)

    def add(self, other: Summaries) -> None:
        """Take in the digest of another batch; `other` stays as it is."""
        for key, tally in other.tallies.items():
            if (known := self.tallies.get(key)) is None:
                self.tallies[key] = replace(tally)
            else:
                known.add(tally)
        for day_key, count in other.days.items():
            self.days[day_key] = self.days.get(day_key, 0) + count
        for register_key, register in other.registers.items():
            before = self.registers.get(register_key)
            self.registers[register_key] = register if before is None else before.later(register)
        for order_key, order in other.orders.items():
            if (same := self.orders.get(order_key)) is None:
                self.orders[order_key] = replace(order)
            else:
                same.add(order)


def combine(parts: Iterable[Summaries]) -> Summaries:
    """The digest of all batches together, in any order and grouping."""
    whole = Summaries()
    for part in parts:
        whole.add(part)
    return whole
