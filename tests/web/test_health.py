"""What those who operate it see, and what nobody must see."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import asyncpg
import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from cdp.app import utc_now
from cdp.db.pool import Database
from cdp.model import WorkspaceId
from cdp.settings import Settings
from cdp.telemetry import count
from cdp.web.exposition import page
from cdp.web.health import health_routes
from cdp.web.metrics import Metrics
from cdp.web.middleware import middleware
from cdp.web.readiness import Readiness
from tests.web.test_tracking import TRACK, basic, batch


async def test_a_living_process_says_so(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_server_whose_database_answers_is_ready(operated: httpx.AsyncClient) -> None:
    answer = await operated.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {
            "database": {"ok": True},
            "migrations": {"ok": True},
            "writable": {"ok": True},
            "partitions": {"ok": True},
            "clock": {"ok": True},
            "worker": {"ok": True},
        },
    }


async def test_missing_migrations_make_it_unready_and_say_what_to_do(
    operated: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
    )
    answer = await operated.get("/readyz")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "cdp migrate" in answer.json()["checks"]["migrations"]["reason"]


async def test_a_schema_that_has_grown_is_fine_for_an_older_server(
    operated: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    """Two versions run during an upgrade; the older one says that it is."""
    await owner.execute("INSERT INTO schema_migrations VALUES ('29991231000000'), ('29991231000001')")
    answer = await operated.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert "2 migrations ahead" in answer.json()["checks"]["migrations"]["reason"]


async def test_a_schema_without_what_the_server_uses_makes_it_unready(
    operated: httpx.AsyncClient, owner: asyncpg.Connection
) -> None:
    await owner.execute("INSERT INTO schema_migrations VALUES ('29991231000000')")
    await owner.execute(
        "INSERT INTO cdp.schema_contract VALUES ('29991231000000', 'profiles have no `name` any more')"
    )
    answer = await operated.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"]["reason"] == (
        "The schema has moved on (profiles have no `name` any more); upgrade this server."
    )


async def test_a_worker_that_lags_is_named_and_takes_no_server_out_of_service(
    operated: httpx.AsyncClient, key: str, database: Database, workspace: WorkspaceId, now: list[datetime]
) -> None:
    await operated.post("/v1/batch", content=batch(TRACK), headers=basic(key))
    async with database.connection(workspace) as connection:
        await connection.execute(
            "UPDATE settlement SET due_at = $2 WHERE workspace_id = $1",
            workspace,
            now[0] - timedelta(minutes=5),
        )
    answer = await operated.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["checks"]["worker"]["reason"] == (
        "Profiles wait to be settled for 300 seconds; is a worker running?"
    )


async def test_a_month_without_partition_is_named_and_takes_no_server_out_of_service(
    operated: httpx.AsyncClient, now: list[datetime]
) -> None:
    now[0] += timedelta(days=370)
    answer = await operated.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert f"Events of {now[0]:%Y-%m}" in answer.json()["checks"]["partitions"]["reason"]


@pytest.mark.parametrize(("seconds", "word"), [(3600, "ahead of"), (-3600, "behind")])
async def test_a_clock_that_stepped_is_named_and_takes_no_server_out_of_service(
    operated: httpx.AsyncClient, now: list[datetime], seconds: int, word: str
) -> None:
    now[0] += timedelta(seconds=seconds)
    answer = await operated.get("/readyz")
    assert answer.status_code == 200
    reason = answer.json()["checks"]["clock"]["reason"]
    assert re.fullmatch(
        rf"This server's clock is 3,\d+ seconds {word} the database's; is NTP running\?", reason
    )


async def test_a_database_that_takes_no_writes_makes_it_unready(
    operated: httpx.AsyncClient, database: Database, superuser: asyncpg.Connection
) -> None:
    name = await superuser.fetchval("SELECT current_database()")
    await superuser.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await database._pool.expire_connections()
    answer = await operated.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["writable"]["reason"] == (
        "The database is read-only (default_transaction_read_only)."
    )


async def test_writes_that_failed_a_moment_ago_make_it_unready_until_one_succeeds(
    operated: httpx.AsyncClient, metrics: Metrics, key: str
) -> None:
    metrics.counted("flush.again", ("DiskFullError",), 1)
    answer = await operated.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["writable"]["reason"] == (
        "Events could not be stored 0 seconds ago (DiskFullError: the database's disk is full)."
    )
    metrics.counted("flush.again", ("LockNotAvailableError",), 1)
    answer = await operated.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    await operated.post("/v1/batch", content=batch(TRACK), headers=basic(key))
    assert (await operated.get("/readyz")).json()["checks"]["writable"] == {"ok": True}


async def test_those_who_ask_at_once_cost_one_connection(
    operated: httpx.AsyncClient, database: Database
) -> None:
    answers = await asyncio.gather(*(operated.get("/readyz") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert database.connections()[0] == 1


async def test_a_database_that_is_away_makes_it_unready(
    client: httpx.AsyncClient, database: Database
) -> None:
    await database.close()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["database"]["ok"]) == (503, False)


async def test_the_metrics_count_what_came(client: httpx.AsyncClient, key: str, metrics: Metrics) -> None:
    items = [TRACK, TRACK, TRACK | {"userId": None}]
    await client.post("/v1/batch", content=batch(*items), headers=basic(key))
    shown = (await client.get("/metrics")).text
    for line in (
        "cdp_events_stored_total 1.0",
        "cdp_events_duplicate_total 1.0",
        'cdp_events_refused_total{code="MISSING_ID"} 1.0',
        "cdp_flush_events_count 1.0",
        "cdp_flush_seconds_count 1.0",
        "cdp_queue_events 0.0",
        'cdp_request_seconds_count{method="POST",route="/v1/batch",status="200"} 1.0',
    ):
        assert line in shown.splitlines()


async def test_metrics_are_for_who_has_their_token_where_there_is_one(
    database: Database, metrics: Metrics
) -> None:
    """Health is told to everybody all the same: load balancers have no token."""
    parts = SimpleNamespace(
        database=database, metrics=metrics, clock=utc_now, settings=Settings(metrics_token="s3cret")
    )
    transport = httpx.ASGITransport(Starlette(routes=health_routes(parts)))
    async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test") as client:
        found = {
            given: (await client.get("/metrics", headers={"Authorization": given})).status_code
            for given in (
                "Bearer s3cret",
                "bearer  s3cret",
                "Bearer s3cre",
                "Basic s3cret",
                "s3cret",
                "",
            )
        }
        assert found == dict.fromkeys(found, 401) | {"Bearer s3cret": 200, "bearer  s3cret": 200}
        refused = await client.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert (await client.get("/healthz")).status_code == 200


def test_two_applications_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.queued(7)
    assert b"cdp_queue_events 7.0" in page(first.families())
    assert b"cdp_queue_events 0.0" in page(second.families())


async def test_a_request_keeps_its_id_and_is_logged_without_what_it_carried(
    client: httpx.AsyncClient, key: str
) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        item = {"userId": "secret-user", "traits": {"email": "ann@@example.com"}}
        answer = await client.post(
            "/v1/identify?email=ann@example.com", json=item, headers=basic(key) | {"X-Request-Id": "abc-1"}
        )
        await client.get(f"/v1/projects/{key}/settings")
        await client.get("/ann@example.com")
    assert answer.headers["x-request-id"] == "abc-1"
    assert [(entry["route"], entry["status"]) for entry in logged] == [
        ("/v1/identify", 200),
        ("/v1/projects/{key}/settings", 200),
        ("none", 404),
    ]
    assert logged[0]["request_id"] == "abc-1"
    assert not any(secret in json.dumps(logged) for secret in ("secret-user", "example.com", key))


async def test_what_a_flush_logs_is_not_said_of_the_request_that_started_it(
    client: httpx.AsyncClient, key: str, owner: asyncpg.Connection
) -> None:
    """It serves many; the request's own lines have its id, all of them."""
    assert (await client.post("/v1/batch", content=batch(TRACK), headers=basic(key))).status_code == 200
    await owner.execute("ALTER TABLE settlement RENAME TO elsewhere")
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        item = TRACK | {"messageId": "m2"}
        answer = await client.post(
            "/v1/batch", content=batch(item), headers=basic(key) | {"X-Request-Id": "r-1"}
        )
    assert answer.status_code == 503
    named = {entry["event"]: entry.get("request_id") for entry in logged}
    assert named == {"flush_failed": None, "unavailable": "r-1", "request": "r-1"}


async def test_what_happens_in_a_socket_is_counted_and_logged_under_its_id(metrics: Metrics) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        count("graphql.operation", "subscription", "ok")
        structlog.get_logger().info("within")

    (layer,) = middleware(metrics)
    scope = {"type": "websocket", "headers": [(b"x-request-id", b"s-1")]}
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        await layer.cls(app, **layer.kwargs)(scope, None, None)
    assert [(entry["event"], entry["request_id"]) for entry in logged] == [
        ("within", "s-1"),
        ("socket", "s-1"),
    ]
    assert b'cdp_graphql_operations_total{kind="subscription",outcome="ok"} 1.0' in page(metrics.families())


async def test_a_pool_without_a_free_connection_is_the_reason_that_is_given(
    database_url: str, metrics: Metrics
) -> None:
    database = await Database.connect(database_url, max_size=1, acquire_timeout=0.05)
    readiness = Readiness(database, metrics, lambda: datetime.now(UTC))
    async with database.unbound():
        checks = await readiness.checks()
    assert checks["database"].reason == "All 1 connections of this process are in use (CDP_POOL_SIZE)."
    assert (await readiness.checks())["database"].ok
    await database.close()


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é"])
async def test_a_request_id_that_is_none_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/healthz", headers=[(b"x-request-id", given.encode())])
    assert len(answer.headers["x-request-id"]) == 32


async def test_an_error_of_our_own_is_500_with_a_reference_and_no_detail() -> None:
    async def broken(_request: Request) -> Response:
        raise KeyError("ann@example.com")

    app = Starlette(routes=[Route("/broken", broken)], middleware=middleware(Metrics()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://cdp.test") as client:
        with structlog.testing.capture_logs() as logged:
            answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL")
    assert answer.headers["x-request-id"] in answer.json()["message"]
    assert "example.com" not in json.dumps(logged) + answer.text
    assert logged[0]["error"] == "KeyError"
