"""The catalogue: from an event's name and properties to what it contributes to the two panels."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class Lens(StrEnum):
    """The panel that a fact belongs to; a fact may feed both, or neither."""

    INTENT = "INTENT"
    USAGE = "USAGE"
    NONE = "NONE"


class Stage(StrEnum):
    """Stages of the buying journey, earliest first."""

    AWARENESS = "AWARENESS"
    RESEARCH = "RESEARCH"
    COMPARISON = "COMPARISON"
    PRICING = "PRICING"
    NEGOTIATION = "NEGOTIATION"
    PURCHASE = "PURCHASE"
    RENEWAL = "RENEWAL"


class Measure(StrEnum):
    """What a usage contribution counts besides being usage. Each is a tally kind with a fixed key."""

    SESSION = "SESSION"
    ONBOARDING_STEP = "ONBOARDING_STEP"
    """The step's name is the property `key_property` names."""
    ACTIVATION = "ACTIVATION"
    TRAINING_STARTED = "TRAINING_STARTED"
    TRAINING_COMPLETED = "TRAINING_COMPLETED"
    TICKET_OPENED = "TICKET_OPENED"
    TICKET_CLOSED = "TICKET_CLOSED"
    TRIAL_STARTED = "TRIAL_STARTED"
    TRIAL_ENDED = "TRIAL_ENDED"
    SATISFACTION = "SATISFACTION"
    """Latest NPS (`nps`) and CSAT (`csat`) score, from properties of those names."""
    INVITE = "INVITE"
    REVIEW = "REVIEW"
    REFERRAL = "REFERRAL"
    SHARE = "SHARE"
    SERVICE_CONTRACT = "SERVICE_CONTRACT"


class PurchaseEffect(StrEnum):
    """What an intent contribution does to the purchases."""

    PURCHASE = "PURCHASE"
    """Sets the order's total (a register: Order Updated overrides Order Completed)."""
    REFUND = "REFUND"
    """Subtracts `total` (or the whole order where none is given)."""
    CANCELLATION = "CANCELLATION"
    """The order no longer counts."""


class ConditionOperator(StrEnum):
    """How a condition compares a property with its value."""

    EQ = "EQ"
    NE = "NE"
    IN = "IN"
    GT = "GT"
    GTE = "GTE"
    LT = "LT"
    LTE = "LTE"
    CONTAINS = "CONTAINS"
    STARTS_WITH = "STARTS_WITH"
    EXISTS = "EXISTS"


class Condition(Struct, frozen=True, kw_only=True):
    """A test on one property; a missing property fails every test but EXISTS with the value false."""

    property: str
    """Dotted path into the event's properties, such as `plan.name`."""
    operator: ConditionOperator = ConditionOperator.EQ
    value: Any = None


class Contribution(Struct, frozen=True, kw_only=True):
    """What one event adds to one panel."""

    lens: Lens
    weight: float = 1.0
    """Intent weight; unused for usage."""
    stage: Stage | None = None
    signal: str | None = None
    """Kind of intent evidence, such as `pricing_viewed`; an intent contribution always has one."""
    purchase: PurchaseEffect | None = None
    feature: str | None = None
    """Key of the feature that was used."""
    key_property: str | None = None
    """Property whose value names the feature (or the onboarding step) where `feature` does not."""
    measures: tuple[Measure, ...] = ()
    influence: float = 0.0
    """Weight towards Membership.influence."""


class CatalogueEntry(Struct, frozen=True, kw_only=True):
    """All that events of one name contribute, if they meet every condition. The entry with most conditions wins."""

    event: str
    conditions: tuple[Condition, ...] = ()
    contributions: tuple[Contribution, ...] = ()
    entry_id: int | None = None
    """None for a default, and for a plugin's."""
    description: str | None = None
    """What such events are, in a sentence; of a plugin's."""
    plugin: str | None = None
    """The plugin that it comes from."""


class Feature(Struct, frozen=True, kw_only=True):
    """One capability of the product whose use is tracked."""

    key: str
    name: str
    tip: str | None = None
    """One sentence for somebody who has not used it yet."""
