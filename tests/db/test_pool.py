"""The pool: every connection acts as the application, bound to the workspace that was asked for and to no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Connection, Database
from cdp.errors import Misconfigured, Unavailable
from cdp.model import WorkspaceId
from tests.conftest import DatabaseUrls

BOUND = "SELECT cdp.bound_workspace()"
ADD = "INSERT INTO feature (workspace_id, key, name) VALUES ($1, 'a', 'A')"
ONE, TWO = WorkspaceId(1), WorkspaceId(2)


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection, so that whatever leaks is found by the next use."""
    database = await Database.connect(database_url, max_size=1, acquire_timeout=0.2)
    yield database
    await database.close()


async def server_process(connection: Connection) -> int:
    return await connection.fetchval("SELECT pg_backend_pid()")


async def test_one_connection_serves_many_workspaces(single: Database) -> None:
    """The same connection is bound anew for each workspace, and to none when it is asked for unbound."""
    seen = []
    for workspace_id in (ONE, TWO, TWO, ONE):
        async with single.connection(workspace_id) as connection:
            seen.append((await server_process(connection), await connection.fetchval(BOUND)))
        async with single.unbound() as connection:
            assert await connection.fetchval(BOUND) is None
    assert [bound for _, bound in seen] == [1, 2, 2, 1]
    assert len({process for process, _ in seen}) == 1


async def test_binding_is_sent_only_when_it_changes(single: Database) -> None:
    """Going to the same workspace again costs no statement."""
    async with single.connection(ONE) as connection:
        queries = connection._con._protocol.queries_count
    async with single.connection(ONE) as connection:
        assert connection._con._protocol.queries_count == queries
    async with single.connection(TWO) as connection:
        assert connection._con._protocol.queries_count == queries + 1


async def test_an_error_undoes_the_transaction_and_leaks_no_binding(
    single: Database, workspace: WorkspaceId
) -> None:
    """After an error inside a transaction its rows are gone, and the next user of the connection sees its own."""
    with pytest.raises(ZeroDivisionError):
        async with single.transaction(workspace) as connection:
            await connection.execute(ADD, workspace)
            raise ZeroDivisionError
    async with single.unbound() as connection:
        assert await connection.fetchval(BOUND) is None
    async with single.connection(workspace) as connection:
        assert await connection.fetchval("SELECT count(*) FROM feature") == 0


async def test_a_failed_statement_leaks_no_binding(single: Database) -> None:
    """A statement that PostgreSQL refuses leaves a connection that can be used and bound."""
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with single.transaction(ONE) as connection:
            await connection.execute("SELECT 1 / 0")
    async with single.connection(TWO) as connection:
        assert await connection.fetchval(BOUND) == TWO


async def test_a_cancellation_mid_transaction_undoes_it_and_leaks_no_binding(
    single: Database, workspace: WorkspaceId
) -> None:
    """A task that is cancelled while PostgreSQL works for it leaves neither rows nor its binding."""
    reached = asyncio.Event()

    async def slow() -> None:
        async with single.transaction(workspace) as connection:
            await connection.execute(ADD, workspace)
            reached.set()
            await connection.execute("SELECT pg_sleep(30)")

    task = asyncio.create_task(slow())
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with single.connection(TWO) as connection:
        assert await connection.fetchval(BOUND) == TWO
    async with single.connection(workspace) as connection:
        assert await connection.fetchval("SELECT count(*) FROM feature") == 0


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), max_size=8))
def test_a_cancellation_at_any_moment_leaks_no_binding(
    postgres: EmbeddedPostgres, template: str, steps: list[tuple[int, int]]
) -> None:
    """Wherever a cancellation falls, also while the binding itself is sent, each user finds its own workspace."""

    async def use(database: Database, workspace_id: int) -> None:
        async with database.transaction(WorkspaceId(workspace_id)) as connection:
            assert await connection.fetchval(BOUND) == workspace_id

    async def scenario() -> None:
        database = await Database.connect(postgres.app_url, max_size=1)
        try:
            for workspace_id, turns in steps:
                task = asyncio.create_task(use(database, workspace_id))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                async with database.unbound() as connection:
                    assert await connection.fetchval(BOUND) is None
                await use(database, workspace_id + 1)
        finally:
            await database.close()

    asyncio.run(scenario())


async def test_many_tasks_each_see_their_own_workspace(database: Database) -> None:
    """Tasks of many workspaces that compete for few connections never see another's binding."""

    async def bound(workspace_id: WorkspaceId) -> tuple[int, int]:
        async with database.transaction(workspace_id) as connection:
            before = await connection.fetchval(BOUND)
            await asyncio.sleep(0)
            return before, await connection.fetchval(BOUND)

    wanted = [WorkspaceId(number % 7 + 1) for number in range(100)]
    assert await asyncio.gather(*map(bound, wanted)) == [(number, number) for number in wanted]


async def test_every_login_acts_as_the_application(database_urls: DatabaseUrls) -> None:
    """Whoever logs in, statements run as the application role, so that row-level security always holds."""
    for url in (database_urls.app, database_urls.owner, database_urls.superuser):
        database = await Database.connect(url)
        async with database.unbound() as connection:
            assert await connection.fetchval("SELECT current_user") == "diptych_app"
        await database.close()


async def test_a_login_that_may_not_act_as_the_application_is_refused(database_urls: DatabaseUrls) -> None:
    """Rather than run with other rights, the pool says which grant is missing."""
    with pytest.raises(Misconfigured, match="GRANT diptych_app to this login"):
        await Database.connect(database_urls.app, role="diptych_owner")


async def test_json_passes_through_as_text(single: Database) -> None:
    """JSON goes in as text or bytes and comes out as text, unchanged for json, in arrays too; numerics are decimals."""
    async with single.unbound() as connection:
        row = await connection.fetchrow(
            "SELECT $1::json, $2::jsonb, $3::jsonb[], '[\"é\"]'::jsonb, 1.10::numeric",
            '{"b" : 1, "a":2}',
            b'{"b" : 1}',
            ["1", b'"x"'],
        )
    assert tuple(row) == ('{"b" : 1, "a":2}', '{"b": 1}', ["1", '"x"'], '["é"]', Decimal("1.10"))
    assert str(row[4]) == "1.10"


async def test_times_are_written_into_json_in_utc(database_urls: DatabaseUrls, single: Database) -> None:
    """What PostgreSQL prints depends on no machine's time zone."""
    async with single.unbound() as connection:
        text = await connection.fetchval("SELECT to_jsonb('2026-01-01 12:00+02'::timestamptz)")
    assert text == '"2026-01-01T10:00:00+00:00"'


async def test_a_lost_connection_is_an_unavailable_database(
    single: Database, superuser: asyncpg.Connection
) -> None:
    """A connection that is cut while in use becomes one retryable sentence, and the next use has a fresh one."""
    with pytest.raises(Unavailable, match="was lost .*; try again") as caught:
        async with single.transaction(ONE) as connection:
            await superuser.execute("SELECT pg_terminate_backend($1)", await server_process(connection))
            await connection.execute("SELECT 1")
    assert caught.value.retry_after == 1
    async with single.connection(TWO) as connection:
        assert await connection.fetchval(BOUND) == TWO


async def test_a_connection_lost_while_idle_is_unavailable_or_replaced(
    single: Database, superuser: asyncpg.Connection
) -> None:
    """A connection that is cut while it lies in the pool never shows as anything but an unavailable database."""
    async with single.connection(ONE) as connection:
        process = await server_process(connection)
    await superuser.execute("SELECT pg_terminate_backend($1)", process)
    for _ in range(2):
        try:
            async with single.connection(TWO) as connection:
                assert await connection.fetchval(BOUND) == TWO
        except Unavailable:
            continue
        break
    else:
        pytest.fail("The pool did not recover.")


async def test_waiting_for_a_connection_ends(single: Database) -> None:
    """When every connection stays busy, the caller is told so instead of waiting for ever."""
    async with single.connection(ONE):
        with pytest.raises(Unavailable, match="busy"):
            async with single.connection(TWO):
                pytest.fail("There was only one connection.")


async def test_errors_of_the_caller_pass_unchanged(single: Database) -> None:
    """An operating-system error inside the block is the caller's own, and not taken for a lost database."""
    with pytest.raises(FileNotFoundError):
        async with single.connection(ONE):
            raise FileNotFoundError


@pytest.mark.parametrize(
    ("url", "error", "sentence"),
    [
        (
            "postgresql://a:secret@127.0.0.1:1/x",
            Unavailable,
            r"PostgreSQL cannot be reached at 127.0.0.1:1/x \(connection refused\): is it running\?",
        ),
        (
            "mysql://a:secret@127.0.0.1/x",
            Misconfigured,
            "127.0.0.1:5432/x is not the URL of a PostgreSQL: .*",
        ),
    ],
)
async def test_a_database_that_is_away_is_one_sentence(
    url: str, error: type[Exception], sentence: str
) -> None:
    """Starting without a database says where it was looked for, and never the password."""
    with pytest.raises(error, match=f"^{sentence}$") as caught:
        await Database.connect(url)
    assert "secret" not in str(caught.value)


async def test_a_wrong_password_is_one_sentence(database_urls: DatabaseUrls) -> None:
    """A refused login is a matter of settings and not of patience."""
    with pytest.raises(Misconfigured, match="refuses the connection: password authentication failed"):
        await Database.connect(database_urls.app.replace("diptych_app:", "diptych_app:wrong"))
