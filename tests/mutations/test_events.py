from __future__ import annotations

import json

import asyncpg

from cdp.model import Limits, WorkspaceId
from cdp.model.ids import encode_id
from cdp.workspaces.store import set_limits

RESULTS = """
    accepted duplicates refused userErrors { code field message }
    results { index status code message field messageId remarks { code field } }
"""

VIEWED = {
    "type": "TRACK",
    "event": "Pricing Viewed",
    "userId": "u1",
    "messageId": "m1",
    "timestamp": "2026-03-01T11:00:00Z",
}


async def test_an_accepted_event_is_seen_by_the_next_query(api):
    payload = await api.ingest({"type": "TRACK", "event": "Pricing Viewed", "userId": "u1"})
    assert (payload["accepted"], payload["duplicates"]) == (1, 0)
    signals = await api.person("user_id", "u1", "buyerIntent { signals { name count } }")
    assert signals == {"buyerIntent": {"signals": [{"name": "pricing_viewed", "count": 1}]}}


async def test_an_event_that_is_sent_twice_counts_once(api):
    await api.ingest(VIEWED)
    payload = await api.mutate("eventsIngest", RESULTS, {"events": [VIEWED, {**VIEWED, "messageId": "m2"}]})
    assert (payload["accepted"], payload["duplicates"], payload["refused"]) == (1, 1, 0)
    assert [(result["status"], result["messageId"]) for result in payload["results"]] == [
        ("DUPLICATE", "m1"),
        ("ACCEPTED", "m2"),
    ]


async def test_a_bad_event_is_refused_with_its_reason_and_spoils_no_other(api):
    bad = [
        {"type": "TRACK", "event": "Pricing Viewed"},
        {"type": "TRACK", "userId": "u1"},
        {"type": "GROUP", "userId": "u1"},
        {"type": "TRACK", "event": "A", "userId": "u1", "properties": {"text": "a\0b"}},
        {"type": "TRACK", "event": "A", "userId": "u1", "properties": {"text": "x" * 40_000}},
        {"type": "TRACK", "event": "A", "userId": "u1", "properties": ["not", "an", "object"]},
        {"type": "ALIAS", "userId": "u1"},
        {**VIEWED, "timestamp": "9999-12-31T23:59:59Z"},
        {**VIEWED, "timestamp": "0001-01-01T00:00:00Z"},
    ]
    payload = await api.mutate("eventsIngest", RESULTS, {"events": [*bad, VIEWED]})
    assert (payload["accepted"], payload["refused"], payload["userErrors"]) == (1, 9, [])
    assert [(result["index"], result["status"], result["code"]) for result in payload["results"]] == [
        (0, "REFUSED", "MISSING_ID"),
        (1, "REFUSED", "MISSING_EVENT"),
        (2, "REFUSED", "MISSING_GROUP"),
        (3, "REFUSED", "NUL_CHARACTER"),
        (4, "REFUSED", "TOO_LARGE"),
        (5, "REFUSED", "INVALID_FIELD"),
        (6, "REFUSED", "MISSING_ID"),
        (7, "REFUSED", "INVALID_TIME"),
        (8, "REFUSED", "INVALID_TIME"),
        (9, "ACCEPTED", None),
    ]
    assert all(result["message"] for result in payload["results"][:9])


async def test_what_was_left_out_of_an_accepted_event_is_remarked_on(api):
    event = {"type": "IDENTIFY", "userId": "u1", "traits": {"email": "not an address"}}
    payload = await api.mutate("eventsIngest", RESULTS, {"events": [event]})
    assert payload["results"][0]["remarks"] == [{"code": "INVALID_IDENTIFIER", "field": ["traits", "email"]}]


async def test_the_batch_s_context_goes_under_each_event_s_own(api):
    await api.ingest(
        {"type": "TRACK", "event": "Feature Used", "userId": "u1", "properties": {"feature": "search"}},
        context={"traits": {"email": "ada@acme.test"}},
    )
    assert await api.person("email", "ada@acme.test") == await api.person("user_id", "u1")


async def test_a_batch_beyond_the_limits_is_refused_whole(api):
    many = [{"type": "TRACK", "event": "A", "userId": "u1"}] * 2_501
    payload = await api.mutate("eventsIngest", RESULTS, {"events": many})
    assert (payload["accepted"], payload["results"]) == (0, [])
    assert [error["code"] for error in payload["userErrors"]] == ["TOO_LARGE"]
    large = [{"type": "TRACK", "event": "A", "userId": "u1", "properties": {"a": "x" * 30_000}}] * 20
    payload = await api.mutate("eventsIngest", RESULTS, {"events": large})
    assert [error["code"] for error in payload["userErrors"]] == ["TOO_LARGE"]


async def test_who_sends_too_much_is_told_so_as_the_tracking_api_tells_it(api, database, workspace):
    await set_limits(database, workspace, Limits(events_per_second=1))
    many = [VIEWED | {"messageId": f"m{number}"} for number in range(5)]
    assert (await api.mutate("eventsIngest", RESULTS, {"events": many}))["accepted"] == 5
    answer = await api.ask(
        "mutation ($input: EventsIngestInput!) { eventsIngest(input: $input) { accepted } }",
        input={"events": many},
    )
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["message"] == "This workspace may send 1 events a second; wait and send again."


async def test_a_batch_that_is_none_is_bad_input(api):
    payload = await api.mutate("eventsIngest", RESULTS, {"events": [VIEWED], "context": ["no object"]})
    assert [error["code"] for error in payload["userErrors"]] == ["BAD_USER_INPUT"]


async def test_wrong_types_never_reach_a_resolver(api):
    document = "mutation ($input: EventsIngestInput!) { eventsIngest(input: $input) { accepted } }"
    for event in (
        {**VIEWED, "type": "SHOUT"},
        {**VIEWED, "userId": {"a": 1}},
        {**VIEWED, "timestamp": "yesterday"},
        {**VIEWED, "timestamp": "0000-01-01T00:00:00Z"},
        {**VIEWED, "surprise": 1},
        {**VIEWED, "event": "half a character: \ud83d"},
    ):
        response = await api.client.post(
            "/graphql",
            content=json.dumps({"query": document, "variables": {"input": {"events": [event]}}}),
            headers={
                "Authorization": f"Bearer {api.key}",
                "Accept": "application/graphql-response+json",
                "Content-Type": "application/json",
            },
        )
        assert response.status_code == 400, event
        assert response.json()["errors"]


async def test_an_event_of_a_time_to_come_happens_now(api):
    await api.ingest({**VIEWED, "timestamp": "2026-03-08T00:00:00Z"})
    timeline = await api.person("user_id", "u1", "timeline { nodes { occurredAt } }")
    assert timeline["timeline"]["nodes"] == [{"occurredAt": "2026-03-01T12:00:00.000000Z"}]


async def test_refused_events_are_listed_page_by_page(api):
    bad = [{"type": "TRACK", "event": f"E{number}"} for number in range(3)]
    await api.mutate("eventsIngest", RESULTS, {"events": [*bad, {"type": "GROUP", "userId": "u1"}]})
    document = """query ($after: String, $code: String) {
        refusedEvents(code: $code, first: 2, after: $after) {
            totalCount nodes { code source body replayedAt } pageInfo { hasNextPage endCursor } } }"""
    page = (await api.run(document))["refusedEvents"]
    assert page["totalCount"] == 4
    assert [node["code"] for node in page["nodes"]] == ["MISSING_GROUP", "MISSING_ID"]
    assert page["pageInfo"]["hasNextPage"] is True
    rest = (await api.run(document, after=page["pageInfo"]["endCursor"]))["refusedEvents"]
    assert [json.loads(node["body"])["batch"][0]["event"] for node in rest["nodes"]] == ["E1", "E0"]
    assert rest["pageInfo"]["hasNextPage"] is False
    named = (await api.run(document, code="MISSING_GROUP"))["refusedEvents"]
    assert (named["totalCount"], len(named["nodes"])) == (1, 1)


async def test_refused_events_are_stored_once_the_reason_is_gone(
    api, superuser: asyncpg.Connection, workspace: WorkspaceId
):
    """What an earlier version could not read is replayed, once, by its code or by its id."""
    ids = [
        await superuser.fetchval(
            """INSERT INTO refused_event (workspace_id, received_at, source, code, message, body)
               VALUES ($1, '2026-02-01T00:00:00Z', 'tracking', 'STRANGE', 'Not understood.', $2)
               RETURNING refused_id""",
            workspace,
            json.dumps({"batch": [{"type": "track", "event": event, "userId": "u1"}]}).encode(),
        )
        for event in ("Pricing Viewed", "Demo Requested")
    ]
    selection = "replayed refused userErrors { code field message }"
    payload = await api.mutate("eventsReplay", selection, {"ids": [encode_id("RefusedEvent", ids[0])]})
    assert payload == {"replayed": 1, "refused": 0, "userErrors": []}
    payload = await api.mutate("eventsReplay", selection, {"code": "STRANGE"})
    assert payload == {"replayed": 1, "refused": 0, "userErrors": []}
    payload = await api.mutate("eventsReplay", selection, {"code": "STRANGE"})
    assert payload == {"replayed": 0, "refused": 0, "userErrors": []}
    seen = await api.person("user_id", "u1", "timeline { nodes { name } }")
    assert {node["name"] for node in seen["timeline"]["nodes"]} == {"Pricing Viewed", "Demo Requested"}


async def test_events_that_are_still_bad_stay_refused(api):
    await api.mutate("eventsIngest", RESULTS, {"events": [{"type": "TRACK", "event": "A"}]})
    payload = await api.mutate("eventsReplay", "replayed refused", {"code": "MISSING_ID"})
    assert payload == {"replayed": 0, "refused": 1}


async def test_only_events_that_were_refused_here_can_be_replayed(
    api, superuser: asyncpg.Connection, other_workspace: WorkspaceId
):
    foreign = await superuser.fetchval(
        """INSERT INTO refused_event (workspace_id, received_at, source, code, message, body)
           VALUES ($1, now(), 'tracking', 'STRANGE', 'Not understood.', '{}') RETURNING refused_id""",
        other_workspace,
    )
    selection = "replayed userErrors { code field }"
    for given in (encode_id("RefusedEvent", foreign), encode_id("Profile", 1), "", "!!"):
        payload = await api.mutate("eventsReplay", selection, {"ids": [given]})
        assert payload == {
            "replayed": 0,
            "userErrors": [{"code": "NOT_FOUND", "field": ["input", "ids", "0"]}],
        }
    payload = await api.mutate("eventsReplay", selection, {"ids": [encode_id("RefusedEvent", 1)] * 2_501})
    assert payload["userErrors"] == [{"code": "TOO_LARGE", "field": ["input", "ids"]}]
    for given in ({}, {"ids": [], "code": "STRANGE"}):
        payload = await api.mutate("eventsReplay", selection, given)
        assert payload["userErrors"] == [{"code": "BAD_USER_INPUT", "field": ["input"]}]
