"""Logs are read by more people than the data: they hold no address, no key and nothing of a request's content."""

from __future__ import annotations

from unittest.mock import patch

import asyncpg
import pytest

from cdp.app import Application
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.pool import Database
from cdp.live import changes
from cdp.model import WorkspaceId
from tests.security.conftest import Side, track

ADDRESS = "leaked.person@secret-works.com"
SECRETS = ("leaked.person", "secret-works", "leaked property", "leaked event")


async def test_nothing_of_a_request_is_logged_however_it_fails(
    ours: Side,
    application: Application,
    owner: asyncpg.Connection,
    postgres: EmbeddedPostgres,
    capfd: pytest.CaptureFixture[str],
) -> None:
    await owner.execute("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (name <> 'leaked event')")
    person = {"type": "identify", "userId": ADDRESS, "traits": {"email": ADDRESS, "a": "leaked property"}}
    poison = track(ADDRESS, "leaked event", properties={"a": "leaked property"}, messageId=ADDRESS)
    await ours.send([person, poison, {"type": "leaked event", "userId": ADDRESS}])
    await ours.send(b'{"batch": [{"userId": "leaked.person@secret-works.com"')
    await ours.client.post("/v1/track", json={"writeKey": "cdp_sec_" + "leaked" * 7 + "x", "userId": ADDRESS})
    await ours.client.get(f"/v1/projects/{ours.keys['INGEST']}/settings")
    await ours.client.get(f"/graphql?query={{profiles(search:%22{ADDRESS}%22){{totalCount}}}}")
    find = 'query ($value: String!) { profile(identifier: { kind: "email", value: $value }) { displayName } }'
    assert (await ours.data(find, value=ADDRESS))["profile"]["displayName"]
    await ours.ask(f'{{ profiles(search: "{ADDRESS}", nothing: 1) {{ totalCount }} }}')
    error = RuntimeError(f"about {ADDRESS} with {ours.keys['ADMIN']}")
    with patch.object(Database, "connection", side_effect=error):
        assert await ours.codes(find, value=ADDRESS) == ["INTERNAL"]
    with patch.object(application.intake, "take", side_effect=error):
        assert (await ours.send([person])).status_code == 500
    figures = (await ours.client.get("/metrics")).text
    assert "cdp_graphql_errors" in figures
    for secret in (*SECRETS, *ours.keys.values()):
        assert secret not in figures
    written = capfd.readouterr()
    said = written.out + written.err
    assert {"event_refused", "graphql_internal_error", "request_failed"} <= {
        word for line in said.splitlines() for word in line.split()
    }
    for secret in (*SECRETS, *ours.keys.values(), "cdp_sec_leaked"):
        assert secret not in said
    log = (postgres.data_directory / "pg" / "server.log").read_text()
    assert "no_poison" in log, "the refusal itself is there"
    for secret in SECRETS:
        assert secret not in log


async def test_what_a_commit_tells_names_numbers_only(
    ours: Side, superuser: asyncpg.Connection, workspace: WorkspaceId
) -> None:
    """Every session that can connect to the database may listen."""
    heard: list[str] = []
    await superuser.add_listener(changes.TOUCHED, lambda *notification: heard.append(notification[3]))
    await ours.tell({"type": "identify", "userId": "u", "traits": {"email": ADDRESS}})
    await superuser.execute("SELECT 1")
    (profile_id,) = await superuser.fetchrow(
        "SELECT profile_id FROM profile WHERE workspace_id = $1", workspace
    )
    assert [changes.decode(payload) for payload in heard] == [(workspace, {changes.bucket(profile_id)})]
