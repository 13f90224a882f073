"""Checking what plugins return: what is stored or shown is always of the right shape, whoever made it."""

from __future__ import annotations

import math
from collections.abc import Callable, Container
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from cdp.hooks.outcomes import Refused
from cdp.model import (
    AccountEnrichmentRequest,
    Candidate,
    EnrichedTrait,
    EnrichmentRequest,
    RoleContribution,
    ScoreContribution,
    Unanswered,
)
from cdp.model.personalisation import HEAVIEST, HIGHEST_PRIORITY, LONGEST_CAP, RESERVED

T = TypeVar("T", bound=msgspec.Struct)

_LARGEST = 32 * 1024
"""Bytes of one value as JSON."""
_MOST = 200
"""Values in one answer."""
_LONGEST_NAME = 200
_MOST_POINTS = 1_000


def role_contributions(known: Container[str]) -> Callable[[object, object], tuple[RoleContribution, ...]]:
    """The check of `resolve_roles`; `known` are the roles of the core and of all plugins."""

    def check(_request: object, answer: object) -> tuple[RoleContribution, ...]:
        contributions = _list_of(RoleContribution, answer)
        roles = [contribution.role for contribution in contributions]
        for contribution in contributions:
            if contribution.role not in known:
                raise Refused(f"the role {contribution.role[:80]!r} is not registered")
            _check_confidence(contribution.confidence, contribution.role)
            if not contribution.evidence or not all(one.reason.strip() for one in contribution.evidence):
                raise Refused(f"the claim of {contribution.role} gives no evidence")
            _check_time(contribution.since, "since")
            _check_time(contribution.until, "until")
        if len(set(roles)) != len(roles):
            raise Refused("it claims one role twice")
        return contributions

    return check


def score_contributions(_request: object, answer: object) -> tuple[ScoreContribution, ...]:
    """The check of `score_intent`, `score_usage` and `score_influence`."""
    contributions = _list_of(ScoreContribution, answer)
    for one in contributions:
        if not one.name.strip() or len(one.name) > _LONGEST_NAME:
            raise Refused(f"{one.name[:80]!r} cannot be the name of a contribution")
        if not (math.isfinite(one.points) and abs(one.points) <= _MOST_POINTS):
            raise Refused(f"the points of {one.name!r} are {one.points}, beyond {_MOST_POINTS:,}")
        if not one.reason.strip():
            raise Refused(f"the contribution {one.name!r} gives no reason")
        _check_time(one.until, "until")
    if len({one.name for one in contributions}) != len(contributions):
        raise Refused("it contributes under one name twice")
    return contributions


def enriched_traits(
    request: EnrichmentRequest | AccountEnrichmentRequest, answer: object
) -> tuple[EnrichedTrait, ...] | Unanswered:
    """The check of `enrich_person` and of `enrich_account`."""
    if isinstance(answer, Unanswered):
        unanswered = _own_copy(Unanswered, answer)
        _check_amount(unanswered.cost, "an answer that was none")
        return unanswered
    traits = _list_of(EnrichedTrait, answer)
    known = request.identifiers if isinstance(request, EnrichmentRequest) else (None,)
    for trait in traits:
        if not trait.key.strip() or len(trait.key) > _LONGEST_NAME:
            raise Refused(f"{trait.key[:80]!r} cannot be the key of a trait")
        if request.fields and trait.key not in request.fields:
            raise Refused(f"the trait {trait.key!r} is not among the fields that its provider declares")
        if trait.about not in known:
            raise Refused(f"the trait {trait.key!r} is about an identifier that the person does not have")
        _check_confidence(trait.confidence, trait.key)
        _check_amount(trait.cost, repr(trait.key))
        _check_time(trait.expires_at, "expires_at")
    if len({(trait.about, trait.key) for trait in traits}) != len(traits):
        raise Refused("it gives one trait twice")
    return traits


def candidate(_request: object, answer: object) -> Candidate | None:
    """The check of `choose_personalisation`."""
    if answer is None:
        return None
    chosen = _own_copy(Candidate, answer)
    _check_candidate(chosen)
    return chosen


def candidates(_request: object, answer: object) -> tuple[Candidate, ...]:
    """The check of `propose_personalisation`."""
    proposed = _list_of(Candidate, answer)
    for one in proposed:
        _check_candidate(one)
    if len({one.variant for one in proposed}) != len(proposed):
        raise Refused("it proposes two candidates of one name")
    return proposed


def _check_candidate(candidate: Candidate) -> None:
    name = candidate.variant
    if not name.strip() or len(name) > _LONGEST_NAME or name.casefold() in RESERVED:
        raise Refused(f"{name[:80]!r} cannot be the name of a variant")
    if not candidate.reason.strip():
        raise Refused("the candidate gives no reason")
    if not abs(candidate.priority) <= HIGHEST_PRIORITY:
        raise Refused(f"the priority of {name!r} is beyond {HIGHEST_PRIORITY:,}")
    if not (math.isfinite(candidate.weight) and 0 < candidate.weight <= HEAVIEST):
        raise Refused(
            f"the weight of {name!r} is {candidate.weight}, not above 0 and at most {HEAVIEST:,.0f}"
        )
    if candidate.cap is not None and not (
        candidate.cap.times > 0 and timedelta(seconds=1) <= candidate.cap.within <= LONGEST_CAP
    ):
        raise Refused(
            f"the cap of {name!r} allows nothing, or counts within more than {LONGEST_CAP.days} days"
        )


def _list_of(kind: type[T], answer: object) -> tuple[T, ...]:
    if not isinstance(answer, list | tuple):
        raise Refused(f"it returned {type(answer).__name__} instead of a list")
    if len(answer) > _MOST:
        raise Refused(f"it returned {len(answer)} values; {_MOST} are allowed")
    return tuple(_own_copy(kind, item) for item in answer)


def _own_copy(kind: type[T], item: object) -> T:
    """A copy through JSON: of the declared types all the way down, and out of the plugin's reach."""
    if not isinstance(item, kind):
        raise Refused(f"it returned {type(item).__name__} instead of {kind.__name__}")
    try:
        encoded = msgspec.json.encode(item)
        copy = msgspec.json.decode(encoded, type=kind)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise Refused(f"its {kind.__name__} cannot be kept: {error}") from None
    if len(encoded) > _LARGEST:
        raise Refused(f"its {kind.__name__} has {len(encoded)} bytes; {_LARGEST} are allowed")
    if b"\\u0000" in encoded:
        raise Refused(f"its {kind.__name__} holds a NUL character")
    return copy


def _check_amount(cost: Decimal, of_what: str) -> None:
    if not cost.is_finite() or cost < 0:
        raise Refused(f"the cost of {of_what} is not an amount")


def _check_confidence(confidence: Any, of_what: str) -> None:
    if not math.isfinite(confidence) or not 0 < confidence <= 1:
        raise Refused(f"the confidence of {of_what} is {confidence}, not above 0 and at most 1")


def _check_time(time: datetime | None, name: str) -> None:
    if time is not None and time.tzinfo is None:
        raise Refused(f"`{name}` has no time zone")


_Enriching = TypeVar("_Enriching", EnrichmentRequest, AccountEnrichmentRequest)


def with_traits(request: _Enriching, found: tuple[EnrichedTrait, ...] | Unanswered) -> _Enriching:
    """The request for the next plugin: what was said of the subject itself outranks what was found out."""
    if isinstance(found, Unanswered):
        return request
    return msgspec.structs.replace(
        request, traits={trait.key: trait.value for trait in found} | request.traits
    )
