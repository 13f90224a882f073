"""What is prepared before the database is asked comes to the same as what is done afterwards."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cdp.ingest.prepare import placed, prepare, renewed
from cdp.lenses.catalogue import merge_entries
from cdp.lenses.fold import fold
from cdp.model import (
    AccountId,
    AccountRef,
    Event,
    EventType,
    Identifier,
    NodeId,
    Workspace,
    WorkspaceId,
    WorkspaceSettings,
)
from tests.ingest.parts import NOON

WORKSPACE = Workspace(
    workspace_id=WorkspaceId(1),
    name="Acme",
    version=1,
    epoch=NOON,
    settings=WorkspaceSettings(),
    entries=merge_entries([]),
    features=(),
)
USER, VISITOR = Identifier("user_id", "u1"), Identifier("anonymous_id", "a1")


def made(number: int, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "message_id": f"m{number}",
        "type": EventType.TRACK,
        "name": "Order Completed",
        "occurred_at": NOON - timedelta(minutes=number),
        "received_at": NOON,
        "identifiers": (USER,),
        "properties": {"order_id": f"o{number % 2}", "total": number},
    }
    return Event(**(values | changes))


EVENTS = [
    made(0),
    made(1, account=AccountRef(group_id="acme", member=False)),
    made(2, identifiers=(VISITOR,), name="Signed In"),
    made(3, account=AccountRef(group_id="acme.example", member=False)),
    made(4, type=EventType.ALIAS, identifiers=(VISITOR,), name="Aliased", properties={"previousId": "a1"}),
    made(5, type=EventType.IDENTIFY, name="Identified", properties={"plan": "team"}),
    made(6, account=AccountRef(group_id="acme", member=True), type=EventType.GROUP, name="Grouped"),
    made(7),
]
NODES = [NodeId(number) for number in (7, 7, 8, 7, 7, 7, 7, 7)]
"""The alias call turned out to be about the user."""
ACCOUNTS = [AccountId(number) for number in (0, 5, 0, 5, 0, 0, 5, 0)]
"""Both group ids turned out to be one account's."""


@pytest.mark.parametrize("size", [1, 3, 8])
def test_summaries_at_stand_ins_become_those_of_the_real_nodes_and_accounts(size: int) -> None:
    parts = [prepare(EVENTS[start : start + size], WORKSPACE) for start in range(0, len(EVENTS), size)]
    expected = fold(zip(EVENTS, NODES, ACCOUNTS, strict=True), WORKSPACE)
    assert placed(parts, NODES, ACCOUNTS) == expected
    assert (
        placed(parts, NODES, ACCOUNTS) == expected
    )  # a flush that is tried again finds the parts as they were


def test_what_is_stored_already_is_left_out_and_the_rest_is_prepared_without_it() -> None:
    parts = [prepare(EVENTS[:2], WORKSPACE), prepare(EVENTS[2:4], WORKSPACE), prepare(EVENTS[4:], WORKSPACE)]
    left = renewed(parts, [True, False, False, False, True, True, True, True], WORKSPACE)
    assert [[event.message_id for event in part.events] for part in left] == [
        ["m0"],
        ["m4", "m5", "m6", "m7"],
    ]
    assert left[1] is parts[2]
    assert left[0].folded == prepare(EVENTS[:1], WORKSPACE).folded


def test_events_that_another_catalogue_classified_are_prepared_anew() -> None:
    parts = [prepare(EVENTS[:1], replace(WORKSPACE, version=2, entries=()))]
    assert parts[0].folded.intent == [False]
    (anew,) = renewed(parts, [True], WORKSPACE)
    assert anew.workspace is WORKSPACE
    assert anew.folded.intent == [True]
    assert renewed([anew], [True], WORKSPACE) == [anew]
