"""What lists of people, memberships and accounts may be sorted by: the scalars of both panels, over `{row}`.

A key is the SQL that the field shows, or what that is made of. Some are of something that the reader names with `of`:
a signal, a feature, a currency, a trait.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, cast

import strawberry
from msgspec import Struct
from msgspec.structs import replace
from strawberry.types.unset import UNSET

from cdp.graphql.declared import described, source_of, sql_of
from cdp.graphql.facts import ADOPTION, PHASE
from cdp.graphql.intent import IntentView, Purchases
from cdp.graphql.scores import points_sql
from cdp.graphql.usage import TIME_TO_ACTIVATION, Onboarding, Satisfaction, Support, Training, UsageView
from cdp.graphql.vocabulary import describe
from cdp.model import UsagePhase
from cdp.model.classes import TraitOf
from cdp.plan.entities import Of, SortKey
from cdp.plan.labels import INTENT, NONE, USAGE, Labels
from cdp.plan.operators import path_of
from cdp.plan.personal import CLASSED, OPEN_PATHS, seen_trait
from cdp.plan.statement import as_text


class Sort(Struct, frozen=True, kw_only=True):
    """One sort key with its description."""

    description: str
    key: SortKey


Sorts = Mapping[str, Sort]


def sort(
    sql: str,
    sql_type: str,
    description: str,
    *,
    nullable: bool = False,
    labels: Labels = NONE,
    redacted: str | None = None,
    of: Of | None = None,
    indexed: bool = False,
) -> Sort:
    """A sort key; a nullable one has the missing values first when ascending."""
    return Sort(
        description=description,
        key=SortKey(
            sql=sql,
            sql_type=sql_type,
            nullable=nullable,
            labels=labels,
            redacted=redacted,
            of=of,
            indexed=indexed,
        ),
    )


def sort_fields(name: str, description: str, sorts: Sorts) -> Any:
    """The enum of these keys."""
    words = cast("Any", Enum)(name, {key: key for key in sorts})
    return describe(words, description, {key: one.description for key, one in sorts.items()})


def keys_of(words: Any, sorts: Sorts) -> Mapping[Enum, SortKey]:
    """The sort keys by the enum's members."""
    return {words[name]: one.key for name, one in sorts.items()}


def placed(sorts: Sorts, names: Mapping[str, str], source: str | None = None) -> Sorts:
    """The keys of a panel for the rows that `names` tell of, or for the one row that `source` yields."""
    found = {}
    for name, one in sorts.items():
        sql = one.key.sql if source is None else f"(SELECT {one.key.sql} FROM {source})"
        found[name] = replace(one, key=replace(one.key, sql=sql, names=names))
    return found


OF = "What the key is of, where it is of something: a signal's name, a feature's key, a currency, a trait's path."


def of_field() -> Any:
    """`of` of an order."""
    return strawberry.field(default=UNSET, description=OF)


_SIGNAL = Of(what="signal", sql_type="text", convert=as_text)
_FEATURE = Of(what="feature", sql_type="text", convert=as_text)
_CURRENCY = Of(
    what="currency", sql_type="text", convert=lambda value, now: as_text(value, now).strip().upper()
)
TRAIT = Of(what="trait", sql_type="text[]", convert=path_of)


def _moment(type_: type, name: str, labels: Labels) -> Sort:
    return sort(sql_of(type_, name), "timestamptz", described(type_, name), nullable=True, labels=labels)


def _number(type_: type, name: str, labels: Labels) -> Sort:
    return sort(f"({sql_of(type_, name)})::int8", "int8", described(type_, name), labels=labels)


def _stage(name: str) -> Sort:
    place = f"array_position(enum_range(NULL::buying_stage), {sql_of(IntentView, name)})"
    return sort(place, "int4", described(IntentView, name), nullable=True, labels=INTENT)


def _signal(what: str, sql_type: str, description: str, *, nullable: bool = False) -> Sort:
    found = f"(SELECT {what} FROM {source_of(IntentView, 'signals')} WHERE s.key = {{of}})"
    sql = found if nullable else f"coalesce({found}, 0)::{sql_type}"
    return sort(sql, sql_type, description, nullable=nullable, labels=INTENT, of=_SIGNAL)


def _feature(what: str, sql_type: str, description: str, *, nullable: bool = False) -> Sort:
    found = f"(SELECT {what} FROM {source_of(UsageView, 'features')} WHERE s.key = {{of}})"
    sql = found if nullable else f"coalesce({found}, 0)::{sql_type}"
    return sort(sql, sql_type, description, nullable=nullable, labels=USAGE, of=_FEATURE)


INTENT_SORTS: Sorts = {
    "INTENT_SCORE": sort("{row}.intent_rank", "float8", "Score of buyer intent.", labels=INTENT),
    "STAGE": _stage("stage"),
    "FURTHEST_STAGE": _stage("furthest_stage"),
    "LAST_SIGNAL_AT": sort(
        "{row}.intent_last_at", "timestamptz", "The last sign of intent.", nullable=True, labels=INTENT
    ),
    "SIGNAL_COUNT": _signal("s.count", "int8", "How often the signal `of` was seen."),
    "SIGNAL_WEIGHT": _signal(
        "(s.units / 1099511627776)::float8", "float8", "What the signal `of` adds to the score."
    ),
    "SIGNAL_FIRST_AT": _signal(
        "s.first_at", "timestamptz", "When the signal `of` was first seen.", nullable=True
    ),
    "SIGNAL_LAST_AT": _signal(
        "s.last_at", "timestamptz", "When the signal `of` was last seen.", nullable=True
    ),
    "PURCHASE_COUNT": _number(Purchases, "count", INTENT),
    "PURCHASE_TOTAL": sort(
        f"coalesce((SELECT c.amount FROM {source_of(Purchases, 'totals')} WHERE c.currency = {{of}}), 0)",
        "numeric",
        "Total of the purchases in the currency `of`.",
        labels=INTENT,
        of=_CURRENCY,
    ),
    "FIRST_PURCHASE_AT": _moment(Purchases, "first_at", INTENT),
    "LAST_PURCHASE_AT": _moment(Purchases, "last_at", INTENT),
    "RENEWAL_DATE": sort(
        sql_of(Purchases, "renewal_date"),
        "text",
        described(Purchases, "renewal_date"),
        nullable=True,
        labels=INTENT,
    ),
    "INTENT_POINTS": sort(
        points_sql("INTENT"), "float8", "Sum of the points that plugins add to buyer intent.", labels=INTENT
    ),
}
"""Of the buyer-intent panel."""

_PHASES = ", ".join(f"'{phase}'" for phase in UsagePhase)

USAGE_SORTS: Sorts = {
    "PHASE": sort(
        f"array_position(ARRAY[{_PHASES}], ({PHASE}))",
        "int4",
        "The phase, by the workspace's own window, in the order of the enum.",
        labels=USAGE,
    ),
    "ACTIVE_DAYS": sort(
        "{active_days}", "int8", "Distinct days with usage in the workspace's window.", labels=USAGE
    ),
    "ADOPTION_RATE": sort(
        ADOPTION, "float8", "Features used in the workspace's window.", nullable=True, labels=USAGE
    ),
    "FIRST_USED_AT": sort(
        "{row}.usage_first_at", "timestamptz", "The first usage.", nullable=True, labels=USAGE
    ),
    "LAST_USED_AT": _moment(UsageView, "last_used_at", USAGE),
    "ACTIVATED_AT": sort("{row}.activated_at", "timestamptz", "The activation.", nullable=True, labels=USAGE),
    "TIME_TO_ACTIVATION": sort(
        f"floor(extract(epoch FROM {TIME_TO_ACTIVATION}))::int8",
        "int8",
        described(Onboarding, "time_to_activation"),
        nullable=True,
        labels=USAGE,
    ),
    "FEATURE_COUNT": _feature("s.count", "int8", "How often the feature `of` was used."),
    "FEATURE_FIRST_AT": _feature(
        "s.first_at", "timestamptz", "When the feature `of` was first used.", nullable=True
    ),
    "FEATURE_LAST_AT": _feature(
        "s.last_at", "timestamptz", "When the feature `of` was last used.", nullable=True
    ),
    "ONBOARDING_STEPS_DONE": _number(Onboarding, "steps_done", USAGE),
    "TICKETS_OPENED": _number(Support, "opened", USAGE),
    "TICKETS_CLOSED": _number(Support, "closed", USAGE),
    "TICKETS_OPEN": _number(Support, "open", USAGE),
    "COURSES_STARTED": _number(Training, "started", USAGE),
    "COURSES_DONE": _number(Training, "done", USAGE),
    "NPS": sort(
        sql_of(Satisfaction, "nps"), "float8", described(Satisfaction, "nps"), nullable=True, labels=USAGE
    ),
    "NPS_AT": _moment(Satisfaction, "nps_at", USAGE),
    "CSAT": sort(
        sql_of(Satisfaction, "csat"), "float8", described(Satisfaction, "csat"), nullable=True, labels=USAGE
    ),
    "CSAT_AT": _moment(Satisfaction, "csat_at", USAGE),
    "USAGE_POINTS": sort(
        points_sql("USAGE"), "float8", "Sum of the points that plugins add to usage.", labels=USAGE
    ),
}
"""Of the usage panel, by the workspace's own window."""

_MOST_TEXT = 200
"""Characters of a trait's text that count."""


def trait_sorts(of: TraitOf, traits: str, *, where: str | None = None) -> Sorts:
    """By a trait, as text or as a number; `traits` is SQL, `where` the condition under which one may be personal."""
    shown = seen_trait(of, traits, "{of}", where=where)

    def one(name: str, sql_type: str, description: str) -> Sort:
        sql = _BY_TRAIT[name]
        key = SortKey(
            sql=sql.replace("{trait}", f"({traits} #> {{of}})"),
            sql_type=sql_type,
            nullable=True,
            labels=CLASSED,
            redacted=sql.replace("{trait}", shown),
            of=TRAIT,
            redacted_of=replace(TRAIT, convert=OPEN_PATHS[of]),
        )
        return Sort(description=description, key=key)

    return {
        "TRAIT_TEXT": one(
            "TRAIT_TEXT",
            "text",
            f"The trait at the path `of` as text, or the text of its JSON; its first {_MOST_TEXT} characters count.",
        ),
        "TRAIT_NUMBER": one(
            "TRAIT_NUMBER", "numeric", "The trait at the path `of`; what is not a number counts as missing."
        ),
    }


# A number may have thousands of digits: what is beyond any use counts as 10^30, with nine decimals.
_BY_TRAIT = {
    "TRAIT_TEXT": f"left({{trait}} #>> ARRAY[]::text[], {_MOST_TEXT})",
    "TRAIT_NUMBER": "CASE WHEN jsonb_typeof({trait}) = 'number'"
    " THEN round(least(greatest({trait}::numeric, -1e30), 1e30), 9) END",
}
