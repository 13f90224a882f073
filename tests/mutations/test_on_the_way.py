"""First-party plugins on the way of an event, turned on by an administrator, asked on every way in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from cdp.app import Application
from cdp.importing.run import import_file
from cdp.model import WorkspaceId
from tests.mutations.conftest import Api, Asking

ADDRESS = "bob@acme.com"
ENTRIES = """{ catalogue { entries(event: "Video Content Started") {
    event isDefault plugin description contributions { feature } } } }"""


async def enable(api: Api, plugin: str) -> None:
    payload = await api.mutate(
        "pluginEnable", "plugin { enabled } userErrors { message }", {"plugin": plugin}
    )
    assert payload == {"plugin": {"enabled": True}, "userErrors": []}


async def timeline(api: Api, user_id: str) -> list[Any]:
    selection = "timeline(first: 10) { nodes { name properties } }"
    person = await api.person("user_id", user_id, selection)
    return [] if person is None else [node["properties"] for node in person["timeline"]["nodes"]]


async def test_nothing_happens_where_nobody_turned_it_on(api: Api) -> None:
    """What guards is installed, and waits."""
    await api.ingest({"type": "TRACK", "event": "Said", "userId": "u1", "properties": {"to": ADDRESS}})
    assert await timeline(api, "u1") == [{"to": ADDRESS}]
    plugins = (await api.run("{ plugins { name enabled } }"))["plugins"]
    waiting = {"diptych_redaction", "diptych_consent", "diptych_b2b_rules", "diptych_vocabularies"}
    assert {one["name"] for one in plugins if not one["enabled"]} >= waiting


async def test_redaction_holds_on_every_way_in(
    api: Api, asking: Asking, client: httpx.AsyncClient, application: Application, tmp_path: Path
) -> None:
    """Tracking API, mutation, file, and what a person states."""
    await enable(api, "diptych_redaction")
    ingest = await asking("INGEST")
    tracked = {"type": "track", "event": "Said", "userId": "u1", "properties": {"to": ADDRESS}}
    answer = await client.post("/v1/track", content=json.dumps(tracked), auth=(ingest.key, ""))
    assert answer.status_code == 200
    await api.ingest({"type": "TRACK", "event": "Said", "userId": "u2", "properties": {"to": ADDRESS}})
    file = tmp_path / "events.jsonl"
    file.write_text(json.dumps(tracked | {"userId": "u3"}) + "\n", encoding="utf-8")
    workspace_id = WorkspaceId(1)
    report = await import_file(
        application.intake,
        application.accumulator.kinds,
        application.database,
        await application.workspaces.get(workspace_id),
        file,
        kind=None,
        mapped={},
        clock=application.clock,
        progress=lambda done, total: None,
    )
    assert report.counts.stored == 1
    for user_id in ("u1", "u2", "u3"):
        assert await timeline(api, user_id) == [{"to": "[email]"}], user_id
    person = await api.person("user_id", "u1")
    payload = await api.mutate(
        "profileUpdate",
        "profile { traits } userErrors { message }",
        {"profile": person["id"], "traits": {"boss": ADDRESS}},
    )
    assert payload == {"profile": {"traits": {"boss": "[email]"}}, "userErrors": []}


async def test_a_shared_inbox_joins_nobody_and_a_person_is_told_so(api: Api) -> None:
    """Nor does it by an administrator's hand, unless they merge."""
    await enable(api, "diptych_b2b_rules")
    await api.ingest(
        {"type": "IDENTIFY", "userId": "u1", "traits": {"email": "info@acme.com"}},
        {
            "type": "IDENTIFY",
            "userId": "u2",
            "traits": {"email": "ann@gmail.com", "company_domain": "acme.com"},
        },
    )
    kinds = "identifiers { kind value }"
    assert (await api.person("user_id", "u1", kinds))["identifiers"] == [{"kind": "user_id", "value": "u1"}]
    member = await api.person("user_id", "u2", "memberships { nodes { account { domain } } }")
    assert {"account": {"domain": "acme.com"}} in member["memberships"]["nodes"]
    person = await api.person("user_id", "u2")
    payload = await api.mutate(
        "profileUpdate",
        "profile { id } userErrors { code message }",
        {"profile": person["id"], "addIdentifiers": [{"kind": "email", "value": "support@acme.com"}]},
    )
    assert payload["profile"] is None
    assert [error["code"] for error in payload["userErrors"]] == ["CONFLICT"]
    assert "shared inbox" in payload["userErrors"][0]["message"]


async def test_what_a_plugin_adds_to_the_catalogue_is_shown_with_its_source_and_recounts_history(
    api: Api, application: Application
) -> None:
    """For as long as it is turned on."""
    watched = {"type": "TRACK", "event": "video_start", "userId": "u1"}
    started = {"type": "TRACK", "event": "Video Content Started", "userId": "u2"}
    await api.ingest(started)
    assert (await api.run(ENTRIES))["catalogue"]["entries"] == []
    await enable(api, "diptych_vocabularies")
    await api.ingest(watched)
    (entry,) = (await api.run(ENTRIES))["catalogue"]["entries"]
    assert entry == {
        "event": "Video Content Started",
        "isDefault": False,
        "plugin": "diptych_vocabularies",
        "description": "A piece of content began within a session.",
        "contributions": [{"feature": "video"}],
    }
    while await application.worker.reclassify_once():
        pass
    features = "usage { features { key count } }"
    for user_id in ("u1", "u2"):
        assert (await api.person("user_id", user_id, features))["usage"]["features"] == [
            {"key": "video", "count": 1}
        ]
    shown = (await api.person("user_id", "u1", "timeline(first: 1) { nodes { name countsAs } }"))["timeline"]
    assert shown["nodes"] == [{"name": "video_start", "countsAs": "Video Content Started"}]
    await api.mutate("pluginDisable", "plugin { enabled }", {"plugin": "diptych_vocabularies"})
    await api.ingest({"type": "TRACK", "event": "Other", "userId": "u3"})
    while await application.worker.reclassify_once():
        pass
    assert (await api.run(ENTRIES))["catalogue"]["entries"] == []
    assert (await api.person("user_id", "u1", features))["usage"]["features"] == []


async def test_what_people_refused_is_refused(api: Api) -> None:
    """And nothing of it is kept."""
    await enable(api, "diptych_consent")
    refusing = {"consent": {"categoryPreferences": {"Analytics": False}}}
    payload = await api.mutate(
        "eventsIngest",
        "accepted results { status code message }",
        {"events": [{"type": "TRACK", "event": "Said", "userId": "u1", "context": refusing}]},
    )
    assert payload["results"] == [
        {
            "status": "REFUSED",
            "code": "NO_CONSENT",
            "message": "The person refused Analytics, which ANALYTICS needs.",
        }
    ]
    assert (await api.run("{ refusedEvents { nodes { code } } }"))["refusedEvents"]["nodes"] == []


async def test_a_malformed_body_beside_a_guard_is_shown_as_not_kept(
    api: Api, asking: Asking, client: httpx.AsyncClient
) -> None:
    """There is no key to seal it with here."""
    await enable(api, "diptych_redaction")
    ingest = await asking("INGEST")
    answer = await client.post("/v1/batch", content=f"no batch of {ADDRESS}", auth=(ingest.key, ""))
    assert answer.status_code == 400
    nodes = (await api.run("{ refusedEvents { nodes { code body sealed } } }"))["refusedEvents"]["nodes"]
    assert nodes == [{"code": "MALFORMED", "body": "", "sealed": False}]
