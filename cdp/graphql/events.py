"""Events on a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import strawberry
from strawberry.scalars import ID, JSON

from cdp.graphql.identifiers import Identifier
from cdp.graphql.nodes import Node, global_id
from cdp.model import Lens
from cdp.model.classes import TraitOf
from cdp.personalisation.tracking import CONVERTED, SHOWN
from cdp.plan.entities import Entity, SortKey
from cdp.plan.fields import Given, column, nested
from cdp.plan.labels import PII, Label
from cdp.plan.personal import CLASSED, DOT, seen_traits
from cdp.plan.statement import Scope

if TYPE_CHECKING:
    from cdp.graphql.accounts import Account

_OCCURRED = SortKey(sql="e.occurred_at", sql_type="timestamptz")
_NUMBER = SortKey(sql="e.event_id", sql_type="int8")

# Who was shown what tells which audiences they were in, and so is of both panels.
_NOT_SHOWN = f"lower(e.name) NOT IN ('{SHOWN.lower()}', '{CONVERTED.lower()}')"

EVENTS = Entity(
    type_name="Event",
    alias="e",
    source="event e",
    key=(_OCCURRED, _NUMBER),
    visible="e.workspace_id = $1",
    hidden={Label.INTENT: f"NOT e.intent AND {_NOT_SHOWN}", Label.USAGE: f"NOT e.usage AND {_NOT_SHOWN}"},
    by_id="e.occurred_at = {key_0} AND e.event_id = {key_1}",
    order=((_OCCURRED, True),),
)

RUNS_OF_PERSON = (
    "(SELECT n.node_id, l.intent, l.usage FROM node n"
    " CROSS JOIN (VALUES (false, false), (false, true), (true, false), (true, true)) AS l (intent, usage)"
    " WHERE n.workspace_id = $1 AND n.profile_id = p.profile_id) n"
)
"""The events of the person `p` in runs that an index holds in order: an identifier's that feed the same panels. Whoever
may not see a panel begins none of its runs, and so waits no longer where it holds more."""

_MICROSECONDS = "((extract(epoch FROM e.occurred_at) * 1000000)::int8 + 62135596800000000)"
"""Since the year 1, so that no id has a sign."""


_SEEN_PROPERTIES = (
    f"CASE WHEN e.type = 'identify' THEN {seen_traits(TraitOf.PROFILE, 'e.properties')}"
    f" WHEN e.type = 'group' THEN {seen_traits(TraitOf.ACCOUNT, 'e.properties')}"
    f" ELSE {seen_traits(TraitOf.EVENT, 'e.properties')} END"
)
# A sender repeats the traits of the person here.
_SAID = "(e.context -> 'traits')"
_SEEN_CONTEXT = (
    f"CASE WHEN jsonb_typeof{_SAID} = 'object' THEN jsonb_set(e.context, ARRAY['traits'],"
    f" {seen_traits(TraitOf.PROFILE, _SAID)}) ELSE e.context END"
)


@strawberry.type(description="An immutable fact: who, what, when, in which account.")
class Event(Node):
    """One event."""

    id: ID = global_id("Event", _MICROSECONDS, "e.event_id")
    name: str = column("e.name", description="Name that its sender gave it.")
    counts_as: str | None = column(
        "e.context #>> '{diptych,countsAs}'",
        description="Name under which the catalogue counts it, by the word of a plugin; null: its own.",
    )
    type: str = column(
        "e.type", description="The call that brought it: track, page, screen, identify, group, alias."
    )
    lenses: list[Lens] = column(
        "CASE WHEN NOT e.intent AND NOT e.usage THEN '[\"NONE\"]'::json WHEN e.intent AND e.usage"
        ' THEN \'["INTENT","USAGE"]\'::json WHEN e.intent THEN \'["INTENT"]\'::json ELSE \'["USAGE"]\'::json END',
        description="The panels that it feeds, by today's catalogue.",
    )
    occurred_at: datetime = column("e.occurred_at", description="When it happened, corrected for clock skew.")
    received_at: datetime = column("e.received_at", description="When it arrived.")
    message_id: str = column(
        "e.message_id",
        labels=PII,
        redacted=f"CASE WHEN strpos(e.message_id, '@') > 0 THEN '{DOT}' ELSE e.message_id END",
        description="Id that the sender gave it: it counts once. One with an address in it is masked for whoever may "
        "not read personal data.",
    )
    source: str = column("e.source", description="`tracking`, `graphql`, `import`, or who stated it.")
    identifier: Identifier = nested(
        "node n WHERE n.workspace_id = $1 AND n.node_id = e.node_id",
        description="The strongest identifier that it came with.",
    )
    account: Annotated[Account, strawberry.lazy("cdp.graphql.accounts")] | None = nested(
        "account a WHERE a.workspace_id = $1 AND a.account_id = e.account_id",
        names={"row": "a"},
        description="The account that it happened in, if any.",
    )
    properties: JSON | None = column(
        "e.properties",
        labels=CLASSED,
        redacted=_SEEN_PROPERTIES,
        description="Properties of the event; traits of identify and group calls. Whoever may not read personal data "
        "sees the properties that the workspace declares to be none, and traits as the person's and the account's.",
    )
    context: JSON | None = column(
        "e.context",
        labels=CLASSED,
        redacted=_SEEN_CONTEXT,
        strict=PII,
        description="What the sender said of the circumstances; without traits of a class that the caller may not see.",
    )


def of_lenses(_scope: Scope, given: Given, _scopes: frozenset[Any]) -> Sequence[str]:
    """The condition of a timeline's argument `lens`: on its runs."""
    lenses = given.get("lens")
    if lenses is None:
        return ()
    feeds = {Lens.INTENT: "n.intent", Lens.USAGE: "n.usage", Lens.NONE: "(NOT n.intent AND NOT n.usage)"}
    return [f"({' OR '.join([feeds[lens] for lens in dict.fromkeys(lenses)] or ['false'])})"]
