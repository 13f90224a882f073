from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from cdp.db.pool import Database
from cdp.errors import BadInput, Conflict, Misconfigured, NotFound
from cdp.lenses.defaults import default_entries
from cdp.model import (
    WorkspaceId,
    WorkspaceSettings,
)
from cdp.workspaces import store
from cdp.workspaces.cache import Workspaces
from tests.workspaces.parts import NOW, PING, change_settings, load, noted, set_entry

# ── Made and found ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_new_workspace_works_with_the_defaults(database: Database) -> None:
    workspace_id = await store.create(database, "  Acme GmbH ")
    assert await store.by_name(database, "Acme GmbH") == workspace_id
    assert await store.list_all(database) == [(workspace_id, "Acme GmbH")]
    workspace = await load(database, workspace_id)
    assert (workspace.name, workspace.version, workspace.settings, workspace.entries, workspace.features) == (
        "Acme GmbH",
        1,
        WorkspaceSettings(),
        default_entries(),
        (),
    )


async def test_a_name_is_given_once(database: Database, workspace: WorkspaceId) -> None:
    with pytest.raises(Conflict, match="'Acme' already"):
        await store.create(database, "Acme")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\0b"])
async def test_a_workspace_needs_a_name_that_can_be_read(database: Database, name: str) -> None:
    with pytest.raises(BadInput, match="1 to 100"):
        await store.create(database, name)


async def test_what_does_not_exist_is_not_found(database: Database, workspace: WorkspaceId) -> None:
    with pytest.raises(NotFound, match="'Initech'"):
        await store.by_name(database, "Initech")
    async with database.connection(workspace) as connection:
        with pytest.raises(NotFound):
            await store.load(connection, WorkspaceId(workspace + 1))


async def test_settings_of_another_version_are_named_and_not_guessed(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("""UPDATE workspace SET settings = '{"half_live_days": 3}'""")
    with pytest.raises(Misconfigured, match="half_live_days"):
        await load(database, workspace)


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_what_differs_from_the_defaults_is_stored(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """So that a better default reaches everyone who did not choose otherwise."""
    changed = await change_settings(
        database,
        workspace,
        warm_score=5,
        hot_score=40,
        default_country=" de ",
        free_mail_domains=["Llama.Example"],
    )
    assert (changed.version, changed.settings) == (
        2,
        WorkspaceSettings(warm_score=5.0, default_country="DE", free_mail_domains=("llama.example",)),
    )
    assert await load(database, workspace) == changed
    back = await change_settings(database, workspace, warm_score=None, free_mail_domains=None)
    assert back.settings == WorkspaceSettings(default_country="DE")
    assert await superuser.fetchval("SELECT settings::text FROM workspace") == '{"default_country": "DE"}'


async def test_a_change_that_changes_nothing_is_none(database: Database, workspace: WorkspaceId) -> None:
    same = await change_settings(database, workspace, window_days=28)
    assert (same.version, await noted(database, workspace)) == (1, [])


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"half_life_days": 2.9}, "half_life_days", "half_life_days is 2.9; choose from 3 to 365 days."),
        ({"half_life_days": 366}, "half_life_days", "half_life_days is 366; choose from 3 to 365 days."),
        ({"half_life_days": float("nan")}, "half_life_days", "half_life_days is nan"),
        ({"half_life_days": "soon"}, "half_life_days", "expected `float`, got `str`"),
        (
            {"half_live_days": 3},
            "half_live_days",
            "There is no setting 'half_live_days'; there are adopting_",
        ),
        ({"window_days": 0}, "window_days", "window_days is 0; choose from 1 to 400 days."),
        ({"window_days": 28.5}, "window_days", "expected `int`, got `float`"),
        ({"dormant_days": -1}, "dormant_days", "choose from 1 to 400"),
        ({"habitual_days": 29}, "habitual_days", "nobody could ever be HABITUAL"),
        ({"window_days": 7}, "habitual_days", "nobody could ever be HABITUAL"),
        ({"adopting_features": 0}, "adopting_features", "choose from 1 to 1,000 features"),
        ({"warm_score": 41}, "warm_score", "warm_score (41) is above hot_score (40)"),
        ({"warm_score": -1}, "warm_score", "choose from 0"),
        ({"qualified_adoption": 1.1}, "qualified_adoption", "qualified_adoption is 1.1; choose from 0 to 1."),
        ({"default_currency": "euro"}, "default_currency", "three-letter code"),
        ({"default_country": "DEU"}, "default_country", "two-letter code"),
        ({"onboarding_steps": "import"}, "onboarding_steps", "expected `array`, got `str`"),
        ({"onboarding_steps": [""]}, "onboarding_steps", "1 to 200 characters"),
        ({"onboarding_steps": [1]}, "onboarding_steps", "expected `str`, got `int`"),
        ({"free_mail_domains": ["me@x.de"]}, "free_mail_domains", "not a domain"),
    ],
)
async def test_a_setting_that_cannot_work_is_refused_with_what_to_do(
    database: Database, workspace: WorkspaceId, changes: dict[str, Any], field: str, sentence: str
) -> None:
    with pytest.raises(BadInput) as caught:
        await change_settings(database, workspace, **changes)
    assert caught.value.field == (field,)
    assert sentence in caught.value.message
    assert (await load(database, workspace)).version == 1


@pytest.mark.parametrize(
    ("changes", "events"),
    [
        ({"half_life_days": 30}, [None]),
        ({"warm_score": 1, "window_days": 14, "default_country": "DE"}, []),
        (
            {"default_currency": "eur"},
            [["Contract Signed", "Order Cancelled", "Order Completed", "Order Refunded", "Order Updated",
              "Subscription Renewed"]],
        ),
        ({"onboarding_steps": ["import"]}, [["Onboarding Step Completed"]]),
    ],
)  # fmt: skip
async def test_history_is_counted_anew_where_a_setting_changes_what_it_means(
    database: Database, workspace: WorkspaceId, changes: dict[str, Any], events: list[list[str] | None]
) -> None:
    await change_settings(database, workspace, **changes)
    assert await noted(database, workspace) == events


async def test_a_new_half_life_moves_the_zero_of_the_decay_to_today(
    database: Database, workspace: WorkspaceId
) -> None:
    assert (await change_settings(database, workspace, warm_score=1)).epoch != NOW.replace(hour=0)
    assert (await change_settings(database, workspace, half_life_days=30)).epoch == NOW.replace(hour=0)


# ── Several processes ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_change_waits_for_who_uses_the_catalogue_and_holds_off_who_comes_next(
    database: Database, workspace: WorkspaceId
) -> None:
    """So that no event is stored under a catalogue that history has already been counted without."""
    shared = "SELECT pg_advisory_xact_lock_shared(7001, $1::bigint::integer)"
    async with database.transaction(workspace) as ingest:
        await ingest.execute(shared, workspace)
        changing = asyncio.create_task(set_entry(database, workspace, PING))
        async with database.connection(workspace) as other:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not await other.fetchval(waiting):
                assert not changing.done()
            next_one = "SELECT pg_try_advisory_xact_lock_shared(7001, $1::bigint::integer)"
            assert await other.fetchval(next_one, workspace) is False
        assert (await store.load(ingest, workspace)).version == 1
    await changing
    assert (await load(database, workspace)).version == 2


async def test_reads_may_be_a_second_old_and_writes_never(database: Database, workspace: WorkspaceId) -> None:
    clock = [100.0]
    workspaces = Workspaces(database, max_age=1.0, monotonic=lambda: clock[0])
    first = await workspaces.get(workspace)
    await set_entry(database, workspace, PING)
    assert await workspaces.get(workspace) is first
    clock[0] += 1.0
    assert (await workspaces.get(workspace)).version == 2
    await set_entry(database, workspace, PING.__class__(event="Pong", contributions=PING.contributions))
    async with database.transaction(workspace) as connection:
        fresh = await workspaces.fresh(connection, workspace)
        assert fresh.version == 3
        assert await workspaces.fresh(connection, workspace) is fresh
    assert await workspaces.get(workspace) is fresh
    workspaces.forget(workspace)
    assert await workspaces.get(workspace) == fresh


async def test_who_reads_all_the_time_never_waits_and_reads_its_own_changes(
    database: Database, workspace: WorkspaceId
) -> None:
    """It is read again while what was read still stands; what is on its way at a change is not taken for the change."""
    clock = [100.0]
    workspaces = Workspaces(database, max_age=1.0, monotonic=lambda: clock[0])
    first = await workspaces.get(workspace)
    clock[0] += 0.6
    assert await workspaces.get(workspace) is first
    (on_its_way,) = workspaces._asking.values()
    clock[0] += 0.1
    await set_entry(database, workspace, PING)
    workspaces.forget(workspace)
    clock[0] += 0.1
    assert (await workspaces.get(workspace)).version == 2
    await on_its_way
    assert (await workspaces.get(workspace)).version == 2
    assert not workspaces._asking


async def test_an_unknown_workspace_is_not_held(database: Database, workspace: WorkspaceId) -> None:
    with pytest.raises(NotFound):
        await Workspaces(database).get(WorkspaceId(workspace + 1))
