"""The audit log: who did what, who read personal data; for those who have `audit:read`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql.nodes import global_id
from cdp.graphql.paging import Connection, forwards
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Connected, Given, argument, column, planned
from cdp.plan.labels import AUDIT
from cdp.plan.moment import Moment
from cdp.plan.statement import Scope, as_text

_SEQUENCE = SortKey(sql="l.sequence", sql_type="int8")

ENTRIES = Entity(
    type_name="AuditEntry",
    alias="l",
    source="audit_entry l",
    key=(_SEQUENCE,),
    visible="l.workspace_id = $1",
    by_id="l.sequence = {key_0}",
    order=((_SEQUENCE, True),),
)

_CONDITIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "principal": ("text", "l.principal = {value}"),
        "act": ("text", "l.act = {value}"),
        "object": ("text", "l.object = {value}"),
        "purpose": ("text", "l.purpose = {value}"),
        "since": ("timestamptz", "l.at >= {value}"),
        "until": ("timestamptz", "l.at < {value}"),
    }
)


def _wanted(scope: Scope, given: Given, _scopes: frozenset[Any]) -> Sequence[str]:
    found = []
    for name, (sql_type, condition) in _CONDITIONS.items():
        leaf = given.get(name)
        if leaf is not None:
            value = scope.bind(leaf, sql_type, _text if sql_type == "text" else _time)
            found.append(f"({value}::{sql_type} IS NULL OR {condition.format(value=value)})")
    return found


def _text(value: Any, moment: Moment) -> str | None:
    return None if value is None else as_text(value, moment)


def _time(value: Any, _moment: Moment) -> datetime | None:
    found: datetime | None = value
    return found


@strawberry.type(
    description="What somebody did, or read. Entries are only added, and each holds the hash of the one before it: "
    "`cdp audit verify` sees whether one was changed or taken out."
)
class AuditEntry:
    """One entry."""

    id: ID = global_id("AuditEntry", "l.sequence")
    sequence: int = column(
        "l.sequence", description="Which entry of the workspace it is: 1, 2, 3 … without a gap."
    )
    at: datetime = column("l.at", description="When it was added, by the database's clock.")
    principal: str = column(
        "l.principal",
        description="Stable name of who did it: `key:12`, `token:ISSUER:SUBJECT`, `plugin:NAME`, `operator` on the "
        "command line.",
    )
    name: str = column("l.name", description="What people called that one at the time.")
    role: str = column("l.role", description="Its role at the time.")
    purpose: str | None = column("l.purpose", description="What it said that it did this for; null: nothing.")
    act: str = column(
        "l.act",
        description="What was done, by the name of the mutation for it; `personalDataRead` sums up reads of a minute.",
    )
    object: str = column(
        "l.object", description="What it was done to: an id or a name; empty: the workspace."
    )
    detail: JSON = column(
        "l.detail",
        description="What else is known of it. It holds no secrets and nothing that identifies a person of a profile; "
        "`withheld` names what was given besides.",
    )
    hash: str = column(
        "encode(l.hash, 'hex')", description="Hash of the entry and of those before it, SHA-256 in hex."
    )


@strawberry.type
class AuditQuery:
    """The log's field of Query."""

    audit_log: Connection[AuditEntry] | None = planned(
        Connected(entity=lambda: ENTRIES, conditions=_wanted, labels=AUDIT),
        arguments=[
            argument("principal", str | None, "Only what this one did, such as `key:12`.", None),
            argument("act", str | None, "Only such acts, as `keyCreate`.", None),
            argument("object", str | None, "Only what was done to this.", None),
            argument("purpose", str | None, "Only what was done for this.", None),
            argument("since", datetime | None, "Only from then on.", None),
            argument("until", datetime | None, "Only before then.", None),
            *forwards(),
        ],
        description="Who did what, and who read personal data what for, the latest first.",
    )
