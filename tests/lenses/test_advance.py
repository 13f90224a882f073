"""Adding to the rows of profiles and memberships gives what deriving them would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.identity.kinds import make_kinds
from cdp.identity.merge import merge
from cdp.identity.profiles import find, nodes_of
from cdp.identity.split import split
from cdp.ingest import transaction
from cdp.lenses import store
from cdp.lenses.additions import Addition, Changes, Standing, add_up
from cdp.lenses.summaries import Summaries, Tally
from cdp.model import AccountId, AccountRef, Event, EventType, Identifier, NodeId, ProfileId, WorkspaceId
from cdp.workspaces import store as workspaces
from tests.lenses.conftest import NOW, Traffic

KINDS = make_kinds()
WHO = st.lists(
    st.sampled_from(
        [
            Identifier("user_id", "ada"),
            Identifier("user_id", "bob"),
            Identifier("email", "ada@acme.com"),
            Identifier("email", "bob@elsewhere.com"),
            Identifier("anonymous_id", "a-1"),
            Identifier("anonymous_id", "a-2"),
        ]
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda one: one.kind,
).map(lambda found: tuple(sorted(found, key=lambda one: KINDS[one.kind].priority)))
WHAT: st.SearchStrategy[tuple[str, dict[str, Any]]] = st.sampled_from(
    [
        ("Pricing Viewed", {}),
        ("Order Cancelled", {"order_id": "o1"}),
        ("Order Completed", {"order_id": "o1", "total": 20}),
        ("Order Completed", {"order_id": "o2", "total": 5}),
        ("Feature Used", {"feature": "search"}),
        ("Feature Used", {"feature": "export"}),
        ("Onboarding Step Completed", {"step": "invite"}),
        ("Onboarding Step Completed", {"step": "import"}),
        ("Invite Sent", {}),
        ("Trial Started", {}),
        ("Nobody Knows", {}),
        ("Identified", {"name": "Ada", "plan": "team"}),
        ("Identified", {"name": None, "plan": "free", "nested": {"a": [1]}}),
        ("Identified", {}),
        ("Grouped", {}),
        ("Grouped", {"domain": "acme.com"}),
        ("Grouped", {"type": "household"}),
    ]
)
TYPES = {"Identified": EventType.IDENTIFY, "Grouped": EventType.GROUP}
# In microseconds: whole seconds, tenths and odd ones, of today, of last week and of long ago.
AGO = st.one_of(
    st.integers(0, 3).map(lambda seconds: seconds * 1_000_000),
    st.integers(0, 7 * 24 * 36_000).map(lambda tenths: tenths * 100_000),
    st.integers(0, 500 * 86_400 * 1_000_000),
)
_messages = count()
_names = count()


@st.composite
def events(draw: st.DrawFn) -> Event:
    name, properties = draw(WHAT)
    event_type = TYPES.get(name, EventType.TRACK)
    group = draw(st.sampled_from(["acme", "globex", "home"]))
    named = event_type is EventType.GROUP or draw(st.booleans())
    at = NOW - timedelta(microseconds=draw(AGO))
    return Event(
        message_id=f"m{next(_messages)}",
        type=event_type,
        name=name,
        occurred_at=at,
        received_at=NOW,
        identifiers=draw(WHO),
        account=AccountRef(group_id=group, member=event_type is EventType.GROUP) if named else None,
        properties=properties,
        source=draw(st.sampled_from(["tracking", "tracking", "human:Eve"])),
    )


FLUSHES = st.lists(
    st.one_of(st.lists(events(), min_size=1, max_size=8), st.sampled_from(["merge", "split"])),
    min_size=1,
    max_size=10,
)


def _event(message_id: str, **changes: Any) -> Event:
    values: dict[str, Any] = {
        "message_id": message_id,
        "type": EventType.TRACK,
        "name": "Pricing Viewed",
        "occurred_at": NOW,
        "received_at": NOW,
        "identifiers": (Identifier("user_id", "ada"),),
    }
    return Event(**(values | changes))


async def _workspace(database: Database) -> WorkspaceId:
    workspace_id = await workspaces.create(database, f"advance {next(_names)}")
    async with database.transaction(workspace_id) as connection:
        await connection.execute(
            """UPDATE workspace SET epoch = $2, settings = '{"onboarding_steps": ["import", "invite"]}'
               WHERE workspace_id = $1""",
            workspace_id,
            NOW - timedelta(days=3),
        )
    return workspace_id


async def _flush(database: Database, workspace_id: WorkspaceId, batch: list[Event]) -> None:
    async with database.transaction(workspace_id, keep_plans=True) as connection:
        await transaction.lock(connection, workspace_id)
        workspace = await workspaces.load(connection, workspace_id)
        await transaction.store(connection, workspace, batch, KINDS, NOW)


async def _intervene(database: Database, workspace_id: WorkspaceId, what: str) -> None:
    async with database.transaction(workspace_id) as connection:
        ada = await find(connection, workspace_id, Identifier("user_id", "ada"))
        other = await find(connection, workspace_id, Identifier("anonymous_id", "a-1"))
        if ada is None or other is None:
            return
        if what == "merge" and ada != other:
            touched = [await merge(connection, workspace_id, ada, other, by="test", reason=None, now=NOW)]
        elif (
            what == "split" and ada == other and len(await nodes_of(connection, workspace_id, ada, KINDS)) > 1
        ):
            identifiers = [Identifier("anonymous_id", "a-1")]
            touched = list(
                await split(connection, workspace_id, ada, identifiers, by="test", reason=None, now=NOW)
            )
        else:
            return
        await store.refresh(connection, workspace_id, touched)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flushes=FLUSHES)
async def test_whatever_flushes_bring_the_rows_are_those_that_would_be_derived(
    database: Database, flushes: list[list[Event] | str]
) -> None:
    """People are born, named, joined and parted, buy, act here and there, become members: to the last digit."""
    workspace_id = await _workspace(database)
    traffic = Traffic(database, workspace_id)
    for flush in flushes:
        if isinstance(flush, str):
            await _intervene(database, workspace_id, flush)
        else:
            await _flush(database, workspace_id, flush)
    added = await traffic.tables()
    async with database.transaction(workspace_id) as connection:
        rows = await connection.fetch(
            "SELECT profile_id FROM profile WHERE workspace_id = $1 AND merged_into IS NULL", workspace_id
        )
        await store.refresh(connection, workspace_id, [ProfileId(row["profile_id"]) for row in rows])
    assert await traffic.tables() == added


async def test_the_last_step_of_onboarding_activates(database: Database) -> None:
    """Whether all steps are done can be seen in all of them together only."""
    workspace_id = await _workspace(database)
    steps = [(3, "import"), (2, "invite"), (1, "invite")]
    for number, (days, step) in enumerate(steps):
        done = _event(
            f"step-{number}",
            name="Onboarding Step Completed",
            properties={"step": step},
            occurred_at=NOW - timedelta(days=days),
        )
        await _flush(database, workspace_id, [done])
    async with database.connection(workspace_id) as connection:
        row = await connection.fetchrow(
            "SELECT activated_at FROM profile WHERE workspace_id = $1", workspace_id
        )
    assert row["activated_at"] == NOW - timedelta(days=2)


async def test_who_is_known_costs_no_derivation(database: Database, workspace: WorkspaceId) -> None:
    """However much lies behind somebody: rows are found by their keys, and nothing is read of summaries."""
    asked: list[str] = []
    await _flush(database, workspace, [_event("first")])
    async with database.transaction(workspace, keep_plans=True) as connection:
        await transaction.lock(connection, workspace)
        loaded = await workspaces.load(connection, workspace)
        with connection.query_logger(
            lambda record: asked.append(record.query.removeprefix("-- ").split()[0])
        ):
            await transaction.store(connection, loaded, [_event("second")], KINDS, NOW)
    assert not {"refresh", "rename", "recount"}.intersection(asked)
    assert "advance" in asked


async def test_a_row_that_an_older_server_derived_is_derived_before_it_is_added_to(
    database: Database, workspace: WorkspaceId
) -> None:
    """It knows the rank, and not the exact weight behind it."""
    traffic = Traffic(database, workspace)
    await _flush(database, workspace, [_event("first")])
    await _flush(database, workspace, [_event("second")])
    expected = (await traffic.profile(1))["intent_units"]
    for table in ("profile", "membership"):
        await traffic.execute(
            f"UPDATE {table} SET intent_units = 0, stage_units = DEFAULT WHERE workspace_id = $1"
        )
    await _flush(database, workspace, [_event("third")])
    row = await traffic.profile(1)
    assert row["intent_units"] == expected / 2 * 3
    assert row["stage"] == "PRICING"


def test_facts_of_an_account_count_there_and_those_of_none_at_home() -> None:
    """One row serves a person with one membership; with two there is one for each, and one for the whole person."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    summaries = Summaries(
        tallies={
            (NodeId(1), AccountId(0), "signal", "s"): Tally(1, at, at, 5),
            (NodeId(1), AccountId(7), "signal", "s"): Tally(1, at, at, 3),
            (NodeId(2), AccountId(8), "signal", "s"): Tally(1, at, at, 2),
        }
    )
    changes = Changes(profile_of={NodeId(1): ProfileId(1), NodeId(2): ProfileId(1)})

    def rows(standing: Standing) -> set[tuple[bool, int | None, int]]:
        additions = add_up(summaries, changes, {ProfileId(1): standing})
        return {(row.whole, row.target, row.addition.intent_units) for row in additions.rows}

    at_home = Standing(home=AccountId(7))
    assert rows(at_home) == {(True, None, 10), (False, 7, 8), (False, 8, 2)}
    with_themselves = Standing(home=AccountId(0))
    assert rows(with_themselves) == {(True, None, 10), (False, 0, 5), (False, 7, 3), (False, 8, 2)}
    assert add_up(summaries, changes, {ProfileId(1): Standing()}).anew == {ProfileId(1)}


def test_additions_are_a_monoid_too() -> None:
    """What is added to two memberships is added together to the profile."""
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    one, other = Addition(), Addition()
    for kind, key in (
        ("seen", ""),
        ("usage", ""),
        ("feature", "f"),
        ("stage", "PRICING"),
        ("ACTIVATION", ""),
    ):
        one.count(kind, key, Tally(1, late, late, 4))
        other.count(kind, key, Tally(1, early, early, 3))
    whole, again = Addition(), Addition()
    whole.add(one)
    whole.add(other)
    again.add(other)
    again.add(one)
    assert whole == again
    assert (whole.first_seen_at, whole.last_used_at, whole.activated_at) == (early, late, early)
    assert whole.feature_last == {"f": late}
    assert whole.stage_units == [None, None, None, 7, None, None, None]
