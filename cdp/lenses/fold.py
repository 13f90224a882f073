"""Fold events into summaries: pure, without clock or I/O, and on the hot path.

What an event adds depends on nothing but the event as it is stored, its node, its account and the workspace:

- a tally ('seen', '') of every event that the person caused (not of what somebody stated about them by mutation);
- per intent contribution the tallies ('signal', name) and ('stage', STAGE) with the decayed weight;
- per event that has a usage contribution ('usage', '') and a day; per feature ('feature', key) and a day;
- ('onboarding', step), ('influence', '') and each measure as (MEASURE, '');
- registers of traits, of the latest NPS and CSAT, and of a contract's renewal date;
- orders: totals, refunds and cancellations.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from cdp.lenses.amounts import currency_of, date_of, first_amount, key_of, score_of
from cdp.lenses.catalogue import catalogue_of, counted_name
from cdp.lenses.conditions import find
from cdp.lenses.summaries import UNTOLD, ZERO, Order, Register, Summaries, Tally
from cdp.model import (
    AccountId,
    Contribution,
    Event,
    EventType,
    Lens,
    Measure,
    NodeId,
    PurchaseEffect,
    Stage,
    Workspace,
)

Item = tuple[Event, NodeId, AccountId]
"""An event with the node and the account (0: none) that it hangs on."""

UNIT = 2.0**40
"""Units of weight 1 at the epoch."""

FARTHEST = 900.0
"""Half-lives from the epoch beyond which a weight no longer grows, so that every sum stays within a double: with the
shortest half-life, seven years. A rebuild moves the epoch long before."""

LONGEST_KEY = 200
"""Characters of a trait's key or an order's id; longer ones would not fit an index."""

AMOUNTS = ("total", "revenue", "value")
ORDER_IDS = ("order_id", "orderId", "contract_id")
RENEWAL_DATES = ("renewal_date", "renewalDate")

_DAY = 86_400.0
_encode = msgspec.json.encode


class Folded(Struct, frozen=True):
    """A batch, folded. The lists say per event, in the order given, which panels it feeds."""

    summaries: Summaries
    intent: list[bool]
    usage: list[bool]


def fold(items: Iterable[Item], workspace: Workspace) -> Summaries:
    """The summaries of some events."""
    return fold_events(items, workspace).summaries


def fold_events(items: Iterable[Item], workspace: Workspace) -> Folded:
    """The summaries of some events, and the panels that each of them feeds."""
    summaries = Summaries()
    intent: list[bool] = []
    usage: list[bool] = []
    classify = catalogue_of(workspace).classify
    weigh = _weighing(workspace.epoch, workspace.settings.half_life_days)
    currency = workspace.settings.default_currency
    for event, node, account in items:
        contributions = classify(counted_name(event), event.properties)
        place = _Place(summaries, event, node, account)
        place.keep_traits()
        if not event.source.startswith("human:"):
            place.count("seen", "")
        for_intent = for_usage = False
        if contributions:
            factor = weigh(event.occurred_at)
            bought = False
            for contribution in contributions:
                if contribution.lens is Lens.INTENT:
                    for_intent = True
                    place.add_intent(contribution, factor)
                    if contribution.purchase is not None and not bought:
                        bought = True
                        place.add_purchase(contribution.purchase, currency)
                elif contribution.lens is Lens.USAGE:
                    place.add_usage(contribution, again=for_usage)
                    for_usage = True
                if contribution.influence:
                    place.count("influence", "", round(contribution.influence * factor))
                for measure in contribution.measures:
                    place.add_measure(measure, contribution)
        intent.append(for_intent)
        usage.append(for_usage)
    return Folded(summaries, intent, usage)


def _weighing(epoch: datetime, half_life_days: float) -> Callable[[datetime], float]:
    """The units that weight 1 has at a moment: 2^((t − epoch)/half-life) · 2^40."""
    half_life = half_life_days * _DAY

    def weigh(moment: datetime) -> float:
        return float(2.0 ** min((moment - epoch).total_seconds() / half_life, FARTHEST) * UNIT)

    return weigh


class _Place:
    """Where one event's contributions go."""

    __slots__ = ("account", "at", "event", "node", "summaries")

    def __init__(self, summaries: Summaries, event: Event, node: NodeId, account: AccountId) -> None:
        self.summaries = summaries
        self.event = event
        self.at = event.occurred_at
        self.node = node
        self.account = account

    def count(self, kind: str, key: str, units: int = 0) -> None:
        tallies = self.summaries.tallies
        tally_key = (self.node, self.account, kind, key)
        tally = tallies.get(tally_key)
        at = self.at
        if tally is None:
            tallies[tally_key] = Tally(1, at, at, units)
            return
        tally.count += 1
        tally.units += units
        if at < tally.first_at:  # noqa: PLR1730 - min() takes twice as long, and this is the hottest line
            tally.first_at = at
        if at > tally.last_at:  # noqa: PLR1730 - as above
            tally.last_at = at

    def add_intent(self, contribution: Contribution, factor: float) -> None:
        units = round(contribution.weight * factor)
        self.count("signal", contribution.signal or "", units)
        if contribution.stage is not None:
            self.count("stage", contribution.stage.value, units)
        if contribution.stage is Stage.RENEWAL or contribution.purchase is PurchaseEffect.PURCHASE:
            properties = self.event.properties
            for name in RENEWAL_DATES:
                if (day := date_of(properties.get(name))) is not None:
                    self.keep("contract", "renewal_date", day)
                    break

    def add_usage(self, contribution: Contribution, *, again: bool) -> None:
        day = self.at.date()
        days = self.summaries.days
        if not again:
            self.count("usage", "")
            any_usage = (self.node, self.account, "", day)
            days[any_usage] = days.get(any_usage, 0) + 1
        if Measure.ONBOARDING_STEP in contribution.measures:
            return
        feature = contribution.feature or self._named(contribution.key_property)
        if feature is not None:
            self.count("feature", feature)
            of_feature = (self.node, self.account, feature, day)
            days[of_feature] = days.get(of_feature, 0) + 1

    def add_measure(self, measure: Measure, contribution: Contribution) -> None:
        self.count(measure.value, "")
        if measure is Measure.ONBOARDING_STEP:
            step = contribution.feature or self._named(contribution.key_property)
            if step is not None:
                self.count("onboarding", step)
        elif measure is Measure.SATISFACTION:
            properties = self.event.properties
            nps = score_of(properties.get("nps"))
            csat = score_of(properties.get("csat"))
            if csat is None:
                csat = score_of(properties.get("rating"))
            if nps is not None:
                self.keep("satisfaction", "nps", nps)
            if csat is not None:
                self.keep("satisfaction", "csat", csat)

    def add_purchase(self, effect: PurchaseEffect, default_currency: str) -> None:
        properties = self.event.properties
        at = self.at
        amount = first_amount(properties, AMOUNTS)
        order = Order(at, at, currency_of(properties.get("currency"), default_currency))
        match effect:
            case PurchaseEffect.PURCHASE:
                told = amount is not None and amount >= 0
                order.total = amount if amount is not None and told else ZERO
                order.total_at = at if told else UNTOLD
                order.total_message_id = self.event.message_id if told else ""
            case PurchaseEffect.REFUND:
                # Some clients send what goes back as a negative total.
                order.refunded = ZERO if amount is None else abs(amount)
                order.refunded_whole = amount is None
            case PurchaseEffect.CANCELLATION:
                order.cancelled = True
        key = (self.node, self.account, _order_id(properties, self.event.message_id))
        known = self.summaries.orders.get(key)
        if known is None:
            self.summaries.orders[key] = order
        else:
            known.add(order)

    def keep_traits(self) -> None:
        """Traits of identify, at the root or in the context; `context.traits` of any other call says the same."""
        event = self.event
        traits = event.context.get("traits")
        if isinstance(traits, dict):
            # What the call itself says goes before what its context repeats.
            said = event.properties if event.type is EventType.IDENTIFY else {}
            for key, value in traits.items():
                if key not in said:
                    self._keep_trait(key, value)
        if event.type is EventType.IDENTIFY:
            for key, value in event.properties.items():
                self._keep_trait(key, value)

    def keep(self, kind: str, key: str, value: Any) -> None:
        event = self.event
        registers = self.summaries.registers
        register = Register(self.at, event.message_id, _encode(value).decode(), event.source)
        register_key = (self.node, self.account, kind, key)
        known = registers.get(register_key)
        registers[register_key] = register if known is None else known.later(register)

    def _keep_trait(self, key: str, value: Any) -> None:
        if 0 < len(key) <= LONGEST_KEY:
            self.keep("trait", key, value)

    def _named(self, key_property: str | None) -> str | None:
        """The first of the alternatives in `key_property`, parted by |, that names something."""
        if key_property is None:
            return None
        for path in key_property.split("|"):
            if (name := key_of(find(self.event.properties, path))) is not None:
                return name
        return None


def _order_id(properties: Mapping[str, Any], message_id: str) -> str:
    """What tells one order from another; an event that names none stands for an order of its own."""
    for name in ORDER_IDS:
        value = properties.get(name)
        text = value.strip() if isinstance(value, str) else str(value) if type(value) is int else ""
        if text:
            return _short(text)
    return _short(f"message:{message_id}")


def _short(text: str) -> str:
    if len(text) <= LONGEST_KEY:
        return text
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def decayed(units: int | Decimal, *, epoch: datetime, half_life_days: float, as_of: datetime) -> float:
    """The weight that stored units have at a moment, rounded to 6 decimals."""
    exponent = (as_of - epoch).total_seconds() / (half_life_days * _DAY)
    return round(float(units) / UNIT * math.pow(2.0, -max(exponent, -FARTHEST)), 6)
