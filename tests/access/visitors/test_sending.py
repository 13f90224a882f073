"""What a page says of its visitor, where the workspace believes pages and where it demands proof."""

from __future__ import annotations

import json
from typing import Any

from cdp.ingest.replay import replay
from tests.access.visitors.conftest import Site, identify, track

ANN = {"user_id:ann", "email:ann@acme.com", "anonymous_id:b1"}


def said(**more: Any) -> dict[str, Any]:
    return identify(**{"userId": "ann", "anonymousId": "b1", "traits": {"email": "ann@acme.com"}, **more})


async def test_an_unmodified_sdk_names_its_visitors(site: Site) -> None:
    await site.page(track("Pricing Viewed", anonymousId="b1"), said())
    assert await site.people() == {frozenset(ANN)}


async def test_where_proof_is_demanded_a_page_names_nobody_without(site: Site) -> None:
    await site.server(identify(userId="ann"))
    await site.demand_proof()
    answer = await site.page(said(context={"device": {"id": "d1"}}), track("Order Completed", userId="ann"))
    assert [one["code"] for one in answer["warnings"]] == ["UNPROVEN"]
    assert [one["code"] for one in answer["refused"]] == ["UNPROVEN"]
    assert await site.people() == {frozenset({"user_id:ann"}), frozenset({"anonymous_id:b1"})}
    explained = await site.admin(
        """{ identityExplain(a: {kind: "user_id", value: "ann"}, b: {kind: "anonymous_id", value: "b1"})
             { same refused { rule reason } } }"""
    )
    (refused,) = explained["identityExplain"]["refused"]
    assert refused["rule"] == "unproven"
    assert "demands proof" in refused["reason"]


async def test_where_proof_is_demanded_a_token_names_the_visitor(site: Site) -> None:
    """It goes with an event, with a batch, or with the request."""
    await site.demand_proof()
    token = site.token("ann", also={"email": "ANN@acme.com"})
    good = {"success": True, "accepted": 1, "refused": []}
    assert await site.page(said(context={"visitorToken": token})) == good
    assert await site.people() == {frozenset(ANN)}
    assert await site.page(said(anonymousId="b2"), **{"X-Visitor-Token": token}) == good
    batch = {"batch": [said(anonymousId="b3")], "context": {"visitorToken": token}}
    sent = await site.client.post("/v1/batch", json=batch, headers={"X-Write-Key": site.keys["INGEST"]})
    assert sent.json() == good
    assert await site.people() == {frozenset({*ANN, "anonymous_id:b2", "anonymous_id:b3"})}


async def test_a_token_is_never_stored(site: Site) -> None:
    token = site.token("ann")
    await site.page(said(context={"visitorToken": token}))
    await site.server(said(context={"visitorToken": token}))
    async with site.application.database.connection(site.workspace_id) as connection:
        contexts = await connection.fetch(
            "SELECT context FROM event WHERE workspace_id = $1", site.workspace_id
        )
    assert len(contexts) == 2
    assert all(token not in row["context"] for row in contexts)


async def test_a_bad_token_proves_nothing_and_loses_nothing(site: Site) -> None:
    await site.demand_proof()
    old = site.token("ann", now=site.clock.now.replace(year=2025))
    for number, (token, codes) in enumerate(
        (
            ("nonsense", ["INVALID_VISITOR_TOKEN", "UNPROVEN"]),
            (old, ["INVALID_VISITOR_TOKEN", "UNPROVEN"]),
            (site.token("bob"), ["UNPROVEN"]),
        )
    ):
        answer = await site.page(said(messageId=f"m{number}"), **{"X-Visitor-Token": token})
        assert answer["accepted"] == 1
        assert [one["code"] for one in answer["warnings"]] == codes
    assert await site.people() == {frozenset({"anonymous_id:b1"})}


async def test_where_proof_is_demanded_a_page_puts_nobody_into_a_group(site: Site) -> None:
    await site.demand_proof()
    group = {"type": "group", "userId": "ann", "groupId": "g1", "traits": {"name": "Acme"}}
    token = {"X-Visitor-Token": site.token("ann")}
    answer = await site.page(group, **token)
    assert [one["code"] for one in answer["refused"]] == ["UNPROVEN"]
    answer = await site.page(track("Pricing Viewed", userId="ann", context={"groupId": "g1"}), **token)
    assert [one["code"] for one in answer["warnings"]] == ["UNPROVEN"]
    assert (await site.admin("{ accounts { totalCount } }"))["accounts"] == {"totalCount": 0}
    answer = await site.page(group, **{"X-Visitor-Token": site.token("ann", groups=["g1"])})
    assert answer["accepted"] == 1
    assert (await site.admin("{ accounts { totalCount } }"))["accounts"] == {"totalCount": 1}


async def test_where_proof_is_demanded_an_alias_call_renames_only_who_is_proven(site: Site) -> None:
    await site.server(identify(userId="victim"))
    await site.page(track("Pricing Viewed", anonymousId="b1"))
    await site.demand_proof()
    for who in ({"userId": "eve"}, {"anonymousId": "b9"}):
        answer = await site.page({"type": "alias", "previousId": "victim", **who})
        assert [one["code"] for one in answer["refused"]] == ["UNPROVEN"], who
    await site.page(
        {"type": "alias", "userId": "ann", "previousId": "b1"}, **{"X-Visitor-Token": site.token("ann")}
    )
    assert await site.people() == {
        frozenset({"user_id:victim"}),
        frozenset({"user_id:ann", "anonymous_id:b1"}),
    }


async def test_events_by_mutation_with_a_page_s_key_are_a_page_s_word(site: Site) -> None:
    await site.server(identify(userId="eve"), identify(anonymousId="s1", traits={"email": "ann@acme.com"}))
    event = '{type: IDENTIFY, userId: "eve", traits: {email: "ann@acme.com"}}'
    answer = await site.post(
        f"mutation {{ eventsIngest(input: {{events: [{event}]}}) {{ accepted userErrors {{ message }} }} }}",
        site.keys["INGEST"],
    )
    assert answer.json()["data"]["eventsIngest"] == {"accepted": 1, "userErrors": []}
    assert len(await site.people()) == 2


async def test_what_is_replayed_is_believed_no_more_than_when_it_came(site: Site) -> None:
    """Whoever replays has not looked at it; and a kept body cannot say of itself that it is to be believed."""
    await site.server(identify(userId="eve"), identify(anonymousId="s1", traits={"email": "ann@acme.com"}))
    lie = {**identify(userId="eve", traits={"email": "ann@acme.com"}), "timestamp": "never"}
    for body in (
        {"batch": [lie], "keptBelieved": True},
        {"batch": [lie], "context": {}, "keptBelieved": True, "keptType": "identify"},
    ):
        response = await site.client.post(
            "/v1/batch", json=body, headers={"X-Write-Key": site.keys["INGEST"]}
        )
        assert [one["code"] for one in response.json()["refused"]] == ["INVALID_TIME"]
    await _mend(site)
    done = await replay(
        site.application.database, site.application.intake, site.workspace_id, now=site.clock.now
    )
    assert done.replayed == 2
    assert len(await site.people()) == 2


async def test_what_a_server_sent_is_believed_when_it_is_replayed(site: Site) -> None:
    await site.server(identify(userId="ann"), identify(anonymousId="s1", traits={"email": "ann@acme.com"}))
    item = {**identify(userId="ann", traits={"email": "ann@acme.com"}), "timestamp": "never"}
    response = await site.client.post(
        "/v1/batch", content=json.dumps({"batch": [item]}), headers={"X-Write-Key": site.keys["PARTNER"]}
    )
    assert len(response.json()["refused"]) == 1
    await _mend(site)
    await replay(site.application.database, site.application.intake, site.workspace_id, now=site.clock.now)
    assert await site.people() == {frozenset({"user_id:ann", "email:ann@acme.com", "anonymous_id:s1"})}


async def _mend(site: Site) -> None:
    """As if times could be read by now that could not be before."""
    async with site.application.database.connection(site.workspace_id) as connection:
        await connection.execute(
            """
            UPDATE refused_event SET body = convert_to(replace(convert_from(body, 'UTF8'), '"never"', 'null'), 'UTF8')
            WHERE workspace_id = $1
            """,
            site.workspace_id,
        )
