"""Refused events, for administrators: what was not stored, why, and as it arrived."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from strawberry.scalars import ID

from cdp.graphql.context import Context
from cdp.graphql.nodes import global_id
from cdp.graphql.paging import Connection, forwards
from cdp.ingest.seals import is_sealed
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Connected, Given, argument, column, computed, planned
from cdp.plan.labels import ADMIN
from cdp.plan.moment import Moment
from cdp.plan.statement import Scope, as_text

_NUMBER = SortKey(sql="r.refused_id", sql_type="int8")

REFUSED = Entity(
    type_name="RefusedEvent",
    alias="r",
    source="refused_event r",
    key=(_NUMBER,),
    visible="r.workspace_id = $1",
    by_id="r.refused_id = {key_0}",
    order=((_NUMBER, True),),
)


async def _as_it_arrived(
    _context: Context, parents: Sequence[Mapping[str, Any]], _arguments: Mapping[str, Any]
) -> Sequence[str]:
    """The bytes as text; PostgreSQL would raise on what is no UTF-8."""
    bodies = [base64.b64decode(parent["body"]) for parent in parents]
    return ["" if is_sealed(body) else body.decode("utf-8", "replace") for body in bodies]


async def _is_sealed(
    _context: Context, parents: Sequence[Mapping[str, Any]], _arguments: Mapping[str, Any]
) -> Sequence[bool]:
    return [is_sealed(base64.b64decode(parent["body"])) for parent in parents]


def _of_code(scope: Scope, given: Given, _scopes: frozenset[Any]) -> Sequence[str]:
    leaf = given.get("code")
    if leaf is None:
        return ()
    code = scope.bind(leaf, "text", _code)
    return [f"({code}::text IS NULL OR r.code = {code})"]


def _code(value: Any, moment: Moment) -> str | None:
    return None if value is None else as_text(value, moment)


@strawberry.type(
    description="An event that was not stored; kept for 30 days, and replayable by eventsReplay."
)
class RefusedEvent:
    """A refused event."""

    id: ID = global_id("RefusedEvent", "r.refused_id")
    received_at: datetime = column("r.received_at", description="When it arrived.")
    source: str = column("r.source", description="By which way it came, such as `tracking` or `graphql`.")
    code: str = column("r.code", description="Why it was refused, for programs.")
    message: str = column("r.message", description="Why it was refused, for a person.")
    body: str = computed(
        _as_it_arrived,
        requires={"body": "encode(r.body, 'base64')"},
        description="As it arrived; bytes that are no UTF-8 text are shown as U+FFFD. It may hold personal data. Empty "
        "where it is sealed, or must not be kept.",
    )
    sealed: bool = computed(
        _is_sealed,
        requires={"body": "encode(r.body, 'base64')"},
        description="Whether it is kept encrypted, because a guard has not seen it yet.",
    )
    replayed_at: datetime | None = column(
        "r.replayed_at", description="When it was stored after all; null: it was not."
    )


@strawberry.type
class RefusedQuery:
    """The refused events' field of Query."""

    refused_events: Connection[RefusedEvent] | None = planned(
        Connected(entity=lambda: REFUSED, conditions=_of_code, labels=ADMIN),
        arguments=[
            argument("code", str | None, "Only those refused for this reason, such as `INVALID_TIME`.", None),
            *forwards(),
        ],
        description="Events that were not stored, the latest first; for administrators.",
    )
