"""The notifier against a real server that takes webhooks: what arrives where, once, and never what must not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

import diptych_notifier
from cdp import jobs, tables
from cdp.db.pool import Database
from cdp.errors import BadInput
from cdp.hooks.manager import Plugins
from cdp.jobs.running import Runner
from cdp.model import (
    AccountId,
    AccountKind,
    ChangedAccount,
    ChangedPerson,
    PluginState,
    ProfileId,
    WorkspaceId,
)
from cdp.outbound import Outbound
from cdp.tables import PluginTables
from diptych_notifier import sending
from diptych_notifier.messages import Told
from diptych_notifier.settings import Channel, Kind
from tests.changes.parts import Clock, event
from tests.conftest import DatabaseUrls
from tests.plugins.office import NAME, Office, Slack, ada
from tests.settle.parts import claim, resolver, rows

ERRORS = "SELECT error FROM change_delivery WHERE workspace_id = $1 AND attempts > 0"


@pytest.fixture
def slack() -> Iterator[Slack]:
    server = Slack()
    yield server
    server.close()


@pytest.fixture
async def office(
    database: Database, workspace: WorkspaceId, database_urls: DatabaseUrls, slack: Slack
) -> AsyncIterator[Office]:
    plugins = Plugins(failures_to_open=10_000)
    plugins.register(diptych_notifier, name=NAME)
    assert plugins.left_out() == frozenset()
    await tables.apply(database_urls.owner, tables.wanted(plugins))
    http = Outbound(allowed=[ip_network("127.0.0.0/8")])
    plugins.offers.register("http", lambda _plugin, _workspace_id: http)
    plugins.offers.register(
        "tables", lambda plugin, workspace_id: PluginTables(database, plugin, workspace_id)
    )
    sending.begin("test")
    house = Office(database, workspace, plugins, Clock())
    house.slack = slack
    yield house
    await plugins.aclose()


async def test_each_channel_is_told_what_it_may_carry_and_nothing_else(office: Office) -> None:
    """Four channels, one person: the panels stay apart, and nobody is named where nobody may be."""
    office.plugins.register(
        resolver(lambda membership: [claim("CHAMPION")] if membership.account else []), name="r"
    )
    everything = ["PROFILE", "MEMBERSHIP", "ROLE", "STAGE"]
    await office.configure(
        {"name": "all", "tells": everything, "carries": ["intent", "usage", "pii"]},
        {"name": "sales", "tells": everything, "carries": ["intent", "pii"]},
        {"name": "support", "tells": everything, "carries": ["usage"]},
        {"name": "lobby", "tells": everything},
    )
    await ada(office, "Pricing Viewed", "Feature Used")
    done = await office.tell(NAME)
    assert (done.failed, done.dead) == (0, 0)
    told: dict[str, list[str]] = {}
    for channel, text in office.slack.take():
        told.setdefault(channel, []).append(text)
    (person,) = await rows(
        office.database,
        office.workspace_id,
        "SELECT 'Person ' || profile_id FROM profile WHERE workspace_id = $1",
    )
    name, number = "Ada &lt;@here&gt;", person[0]
    common = [f"{number} is CHAMPION within Acme.", f"{number} is new.", f"{number} joined Acme."]
    intent = [
        f"{number} moved from the beginning to PRICING (stage) within {where}."
        for where in ("Acme", "all accounts")
    ]
    usage = [
        f"{number} moved from the beginning to ACTIVATED (phase) within {where}."
        for where in ("Acme", "all accounts")
    ]
    assert told["lobby"] == sorted(common)
    assert told["support"] == sorted(common + usage)
    assert told["sales"] == sorted(text.replace(number, name) for text in common + intent)
    assert told["all"] == sorted(text.replace(number, name) for text in common + intent + usage)


async def test_a_channel_may_want_some_roles_and_some_steps_in_its_own_words(office: Office) -> None:
    """The rest is not sent, nor counted against it."""
    held = [claim("CHAMPION"), claim("END_USER")]
    office.plugins.register(resolver(lambda membership: held if membership.account else []), name="r")
    await office.configure(
        {
            "name": "sales",
            "tells": ["ROLE", "STAGE"],
            "carries": ["intent", "pii"],
            "roles": ["CHAMPION"],
            "values": ["PRICING"],
            "templates": {"ROLE": "$account: $person $what $after$before!"},
        }
    )
    await ada(office, "Pricing Viewed")
    await office.tell(NAME)
    held.clear()
    await ada(office, "Demo Requested")
    await office.configure(
        {"name": "sales", "tells": ["ROLE"], "roles": ["CHAMPION"], "templates": {"ROLE": "$what $before"}},
        quiet_minutes=0,
    )
    await office.tell(NAME)
    assert [text for _, text in office.slack.take()] == [
        "Acme: Ada &lt;@here&gt; is CHAMPION!",
        "Ada &lt;@here&gt; moved from the beginning to PRICING (stage) within Acme.",
        "Ada &lt;@here&gt; moved from the beginning to PRICING (stage) within all accounts.",
        "is no longer CHAMPION",
    ]


async def test_a_message_that_does_not_arrive_is_sent_again_and_one_that_did_is_not(office: Office) -> None:
    """Of two channels one is down: it alone is told when it is back."""
    office.slack.answers = lambda channel: 503 if channel == "down" else 200
    await office.configure({"name": "down", "tells": ["PROFILE"]}, {"name": "up", "tells": ["PROFILE"]})
    await office.take(event("1", "ada"))
    done = await office.tell(NAME)
    assert (done.failed, [channel for channel, _ in office.slack.take()]) == (1, ["up"])
    seen = await rows(
        office.database,
        office.workspace_id,
        ERRORS,
    )
    assert seen == [("NotSent: down: it answered 503",)]
    office.slack.answers = lambda channel: 200
    office.clock.advance(seconds=2)
    await office.tell(NAME)
    assert [channel for channel, _ in office.slack.take()] == ["down"]


async def test_the_same_thing_is_not_told_twice_within_its_time_and_no_channel_is_flooded(
    office: Office,
) -> None:
    """What is kept back is counted, and the digest says how much it was; telling it twice tells it once."""
    await office.configure({"name": "all", "tells": ["PROFILE"]}, per_minute=2)
    for number in range(3):
        await office.take(event(str(number), f"user {number}"))
        await office.tell(NAME)
    assert len(office.slack.take()) == 2
    office.clock.now = (await _today(office)) + timedelta(days=3)
    runner = Runner(office.database, office.plugins, clock=office.clock, beat=0.02)
    for _ in range(2):
        async with office.database.transaction(office.workspace_id) as connection:
            await jobs.start(
                connection,
                office.workspace_id,
                office.plugins,
                "notifier_digest",
                by="a test",
                now=office.clock(),
            )
        await runner.begin_some(await office.workspaces.get(office.workspace_id), NAME)
        await runner.wait()
    states = await rows(
        office.database,
        office.workspace_id,
        "SELECT state, error, result::text FROM job WHERE workspace_id = $1",
    )
    assert states == [("DONE", None, '{"channels": 1}'), ("DONE", None, '{"channels": 0}')]
    lines = [
        f"The week before {office.clock.now:%Y-%m-%d}:",
        "• people who are new or turned out to be known: 3, 1 of them not told here",
    ]
    assert office.slack.take() == [("all", "\n".join(lines))]


async def _today(office: Office) -> Any:
    async with office.database.connection(office.workspace_id) as connection:
        return await connection.fetchval("SELECT now()")


async def test_it_does_nothing_until_a_workspace_turns_it_on(office: Office) -> None:
    """Nothing is even noted."""
    await ada(office, "Pricing Viewed")
    counted = "SELECT count(*) FROM change_delivery WHERE workspace_id = $1"
    assert await rows(office.database, office.workspace_id, counted) == [(0,)]


async def test_the_url_is_a_secret_that_no_error_tells(office: Office) -> None:
    """Neither where it is unknown, nor where nobody answers there."""
    await office.configure(
        {"name": "all", "tells": ["PROFILE"]}, webhooks="all http://127.0.0.1:9/secret-path"
    )
    await office.take(event("1", "ada"))
    assert (await office.tell(NAME)).failed == 1
    ((error,),) = await rows(
        office.database,
        office.workspace_id,
        ERRORS,
    )
    assert "secret-path" not in error
    shown = office.plugins.settings.shown(NAME, await office.workspaces.get(office.workspace_id))
    assert shown["webhooks"] == {"set": True}


async def test_a_process_that_stops_leaves_messages_to_another(office: Office) -> None:
    """They wait, and are not lost."""
    await office.configure({"name": "all", "tells": ["PROFILE"]})
    await office.take(event("1", "ada"))
    sending.end()
    assert (await office.tell(NAME)).failed == 1
    sending.begin("test")
    office.clock.advance(seconds=2)
    await office.tell(NAME)
    assert len(office.slack.take()) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": [{"name": "two words"}]},
        {"channels": [{"name": "a", "templates": {"ROLE": "$secret"}}]},
        {"channels": [{"name": "a", "templates": {"OTHER": "$person"}}]},
        {"channels": [{"name": "a", "carries": ["everything"]}]},
        {"per_minute": 0},
    ],
)
async def test_settings_that_cannot_work_are_refused(office: Office, settings: dict[str, Any]) -> None:
    """When they are set, not when somebody should be told."""
    with pytest.raises(BadInput):
        office.plugins.settings.changed(NAME, PluginState(), settings)


def test_a_household_is_not_named_where_nobody_may_be() -> None:
    """Its name is somebody's; a company's is not."""
    texts = [
        Told(
            delivery_id="1-1",
            kind=Kind.MEMBERSHIP,
            subject="7",
            person=ChangedPerson(profile_id=ProfileId(1), display_name="Ada"),
            account=ChangedAccount(account_id=AccountId(7), kind=kind, name="Lovelace"),
            labels=frozenset(),
            what="joined",
        ).text(Channel(name="a"))
        for kind in AccountKind
    ]
    assert texts == ["Person 1 joined Lovelace.", "Person 1 joined account 7."]
