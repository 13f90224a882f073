"""Large flushes are stored in parts that have nothing to do with each other."""

from __future__ import annotations

import random

from cdp.db.pool import Database
from cdp.ingest.apart import Names, apart
from cdp.ingest.flusher import WORTH_PARTING
from cdp.ingest.results import Outcome
from cdp.model import AccountRef, Event, Identifier, WorkspaceId
from tests.ingest.parts import event, open_ingest, stored_ids


def _about(*names: str, group: str | None = None, member: bool = False) -> Event:
    identifiers = tuple(Identifier(*name.split(":")) for name in names)
    account = None if group is None else AccountRef(group_id=group, member=member)
    return event("m", identifiers=identifiers, account=account)


def test_events_that_share_an_identifier_stay_together_in_their_order() -> None:
    """Also where only a later event shows that two have to do with each other."""
    events = [
        _about("user_id:a"),
        _about("user_id:b"),
        _about("anonymous_id:x"),
        _about("user_id:b"),
        _about("user_id:a", "anonymous_id:x"),
        _about("user_id:b"),
    ]
    assert apart(events, 2, Names()) == [[0, 2, 4], [1, 3, 5]]


def test_parts_are_about_equal_and_none_is_empty() -> None:
    events = [_about(f"user_id:{number}") for number in range(9)]
    assert sorted(len(part) for part in apart(events, 2, Names())) == [4, 5]
    assert apart(events[:1], 2, Names()) == [[0]]
    assert apart([_about("user_id:a")] * 5, 2, Names()) == [[0, 1, 2, 3, 4]]


def test_events_that_make_or_describe_an_account_stay_together() -> None:
    """Those that only happen in a known one need not."""
    acts = [_about("user_id:a", group="acme"), _about("user_id:b", group="acme")]
    says = [_about("user_id:a", group="acme", member=True), _about("user_id:b", group="acme", member=True)]
    mail = [_about("email:a@acme.com"), _about("email:b@acme.com")]
    names = Names()
    assert [len(apart(pair, 2, names)) for pair in (acts, says, mail)] == [1, 1, 1]
    names.remember([*acts, *mail])
    assert [len(apart(pair, 2, names)) for pair in (acts, says, mail)] == [2, 1, 2]


async def test_a_flush_in_parts_stores_everything_and_answers_each_event(
    database: Database, workspace: WorkspaceId
) -> None:
    """Poison among them too: it alone is refused."""
    chance = random.Random(3)
    events = [event(f"m{number}", f"u{chance.randrange(20)}") for number in range(WORTH_PARTING + 20)]
    events[7] = event("poison", "u3", properties={"nul": "\0"})
    async with open_ingest(database) as ingest:
        results = await ingest.accumulator.submit(workspace, events)
    assert [result.outcome is Outcome.REFUSED for result in results] == [number == 7 for number in range(120)]
    assert await stored_ids(database, workspace) == sorted(
        one.message_id for one in events if one.message_id[0] == "m"
    )
