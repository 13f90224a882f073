"""`cdp serve`, from start to stop."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from tests.cli.serving import call, serving, working
from tests.conftest import DatabaseUrls

EVENT = {"type": "track", "userId": "u1", "event": "Signed In"}


def make_key(*database: str) -> str:
    assert call("workspaces", "create", "acme", *database).returncode == 0
    made = call("keys", "create", "--workspace", "acme", "--role", "ADMIN", *database)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def send(url: str, key: str, number: int) -> None:
    body = {"batch": [{**EVENT, "messageId": f"m{number}"}]}
    response = httpx.post(f"{url}/v1/batch", json=body, auth=(key, ""), timeout=20)
    assert response.status_code == 200, response.text


def uses(url: str, key: str) -> int:
    query = '{ profile(identifier: {kind: "user_id", value: "u1"}) { timeline(first: 50) { totalCount } } }'
    headers = {"Authorization": f"Bearer {key}"}
    response = httpx.post(f"{url}/graphql", json={"query": query}, headers=headers, timeout=20)
    return int(response.json()["data"]["profile"]["timeline"]["totalCount"])


def roles(url: str, key: str) -> list[str]:
    query = (
        '{ profile(identifier: {kind: "user_id", value: "u1"}) { memberships { nodes { roles { role } } } } }'
    )
    headers = {"Authorization": f"Bearer {key}"}
    response = httpx.post(f"{url}/graphql", json={"query": query}, headers=headers, timeout=20)
    (membership,) = response.json()["data"]["profile"]["memberships"]["nodes"]
    return [claim["role"] for claim in membership["roles"]]


def test_a_folder_is_all_that_a_server_needs(data_folder: Path) -> None:
    """Made, migrated, joined by commands while it runs, stopped by a signal with status 0, found by the next start."""
    with serving("--data", str(data_folder)) as (url, process):
        key = make_key("--data", str(data_folder))
        send(url, key, 1)
        assert uses(url, key) == 1
        assert httpx.get(f"{url}/readyz", timeout=20).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not (data_folder / "started").exists()
    with serving("--data", str(data_folder)) as (url, process):
        assert uses(url, key) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_several_processes_share_one_port(database_urls: DatabaseUrls) -> None:
    """All of them answer, and the signal to stop reaches each."""
    database = ("--database-url", database_urls.app)
    key = make_key(*database)
    with serving("--workers", "2", *database) as (url, process):
        for number in range(20):
            send(url, key, number)
        assert uses(url, key) == 20
        page = httpx.get(f"{url}/metrics", timeout=20).text
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz", timeout=5)
    # Whichever was asked, it told of both.
    stored = re.findall(r'^cdp_events_stored_total{process="(\d)"} (\S+)$', page, re.MULTILINE)
    assert [process for process, _ in sorted(stored)] == ["0", "1"]
    assert sum(float(count) for _, count in stored) == 20
    assert len(re.findall(r"^cdp_database_up 1.0$", page, re.MULTILINE)) == 1


def test_workers_of_their_own_settle_what_a_server_leaves_to_them(database_urls: DatabaseUrls) -> None:
    """Two of them, each person once between them; a signal stops each with status 0."""
    database = ("--database-url", database_urls.app)
    key = make_key(*database)
    with serving("--no-worker", *database) as (url, _):
        send(url, key, 1)
        assert roles(url, key) == []
        with working(*database) as one, working(*database) as other:
            ends_at = time.monotonic() + 20
            while not (found := roles(url, key)) and time.monotonic() < ends_at:
                pass
            for process in (one, other):
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0
    assert sorted(found) == sorted(set(found))
    assert "END_USER" in found


def test_a_server_refuses_a_database_that_lacks_migrations(database_urls: DatabaseUrls) -> None:
    """With the command that mends it."""
    url = re.sub(r"/test_\d+", "/postgres", database_urls.superuser)
    refused = call("serve", "--port", "0", "--database-url", url)
    assert refused.returncode == 1
    assert re.fullmatch(
        r"cdp: The database lacks \d+ migrations, \S+ first\. Run: cdp migrate --database-url URL\n",
        refused.stderr,
    )


async def test_a_login_that_was_not_granted_the_application_reads_how_to(
    database_urls: DatabaseUrls, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("CREATE ROLE newcomer LOGIN PASSWORD 'new'")
    try:
        password = urlsplit(database_urls.superuser).password
        url = database_urls.superuser.replace(f"postgres:{password}", "newcomer:new")
        for command in (["serve", "--port", "0"], ["doctor"], ["workspaces", "list"]):
            refused = await asyncio.to_thread(call, *command, "--database-url", url)
            assert refused.returncode == 1
            assert "GRANT diptych_app to this login" in refused.stdout + refused.stderr
            assert "Traceback" not in refused.stderr
    finally:
        await superuser.execute("DROP ROLE newcomer")


def test_an_address_that_is_none_is_said(data_folder: Path) -> None:
    refused = call("serve", "--host", "nowhere.invalid", "--data", str(data_folder))
    assert refused.returncode == 1
    assert "nowhere.invalid is no address of this machine; mend --host." in refused.stderr


def test_a_taken_port_is_said(data_folder: Path) -> None:
    with serving("--data", str(data_folder)) as (url, _):
        port = url.rpartition(":")[2]
        refused = call("serve", "--port", port, "--data", str(data_folder))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"cdp: Nothing can listen on 127.0.0.1:{port} (Address already in use)")


def test_a_server_that_is_asked_to_stop_before_it_has_begun_stops(data_folder: Path) -> None:
    """It says its address, so that others may wait for it, before it has loaded all that it serves with."""
    with serving("--data", str(data_folder)) as (_, process):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
