"""Refused items are kept with their reason, and can be stored once the reason is gone."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cdp.errors import BadInput
from cdp.identity.kinds import make_kinds
from cdp.ingest import refused
from cdp.ingest.decode import decode_batch, decode_single
from cdp.ingest.refused import RefusedItem
from cdp.ingest.replay import Replay, replay
from cdp.ingest.results import Checked, Refusal
from cdp.ingest.validate import Validator
from cdp.model import AccountRef, Event, EventType, Identifier, WorkspaceId
from tests.ingest.parts import NOON, Ingest, event, stored_ids

NAMELESS = (
    b'{"batch":[{"type":"track","event":"","userId":"u1","messageId":"m1","timestamp":"2026-03-04T11:00:00Z"}],'
    b'"sentAt":"2026-03-04T11:00:05Z","context":{"locale":"de"}}'
)


async def listed(ingest: Ingest, workspace: WorkspaceId) -> list[RefusedItem]:
    async with ingest.database.connection(workspace) as connection:
        return await refused.list_refused(connection, workspace)


async def mend(ingest: Ingest, workspace: WorkspaceId, old: bytes, new: bytes) -> None:
    """Stand in for a rule that has changed since: mend what was kept."""
    async with ingest.database.connection(workspace) as connection:
        for item in await refused.list_refused(connection, workspace):
            await connection.execute(
                "UPDATE refused_event SET body = $3 WHERE workspace_id = $1 AND refused_id = $2",
                workspace,
                item.refused_id,
                item.body.replace(old, new),
            )


async def test_a_refused_item_is_kept_with_all_that_held_for_it(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    receipt = await ingest.intake.take(workspace, decode_batch(NAMELESS))
    assert [(item.index, item.code) for item in receipt.refused] == [(0, "MISSING_EVENT")]
    (kept,) = await listed(ingest, workspace)
    assert (kept.code, kept.message, kept.source) == ("MISSING_EVENT", receipt.refused[0].message, "tracking")
    batch = decode_batch(kept.body)
    assert (batch.sent_at, batch.context) == ("2026-03-04T11:00:05Z", {"locale": "de"})


async def test_a_replay_stores_what_is_good_by_now_at_its_own_time(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    early = NOON - timedelta(days=2)
    await ingest.intake.take(workspace, decode_batch(NAMELESS), received_at=early)
    await mend(ingest, workspace, b'"event":""', b'"event":"Pricing Viewed"')
    done = await replay(ingest.database, ingest.intake, workspace, now=NOON)
    assert done == Replay(replayed=1, refused=0)
    async with ingest.database.connection(workspace) as connection:
        occurred = await connection.fetchval(
            "SELECT occurred_at FROM event WHERE workspace_id = $1", workspace
        )
    assert occurred == early - timedelta(seconds=5)
    assert [item.replayed_at for item in await listed(ingest, workspace)] == [NOON]
    assert await replay(ingest.database, ingest.intake, workspace, now=NOON) == Replay(replayed=0, refused=0)


async def test_what_is_still_bad_stays_with_the_reason_of_today(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    await ingest.intake.take(workspace, decode_batch(NAMELESS))
    await mend(ingest, workspace, b'"userId":"u1"', b'"userId":null')
    assert await replay(ingest.database, ingest.intake, workspace, now=NOON) == Replay(replayed=0, refused=1)
    (kept,) = await listed(ingest, workspace)
    assert (kept.code, kept.replayed_at) == ("MISSING_ID", None)


async def test_two_replays_at_once_store_an_item_without_a_message_id_once(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    await ingest.intake.take(workspace, decode_single(b'{"userId":"u1","event":""}', "track"))
    await mend(ingest, workspace, b'"event":""', b'"event":"Pricing Viewed"')
    await asyncio.gather(*(replay(ingest.database, ingest.intake, workspace, now=NOON) for _ in range(3)))
    assert len(await stored_ids(ingest.database, workspace)) == 1


async def test_only_the_items_that_are_asked_for_are_replayed(ingest: Ingest, workspace: WorkspaceId) -> None:
    for number in range(3):
        body = b'{"userId":"u1","event":"","messageId":"m%d"}' % number
        await ingest.intake.take(workspace, decode_single(body, "track"))
    await mend(ingest, workspace, b'"event":""', b'"event":"Pricing Viewed"')
    second = (await listed(ingest, workspace))[1].refused_id
    done = await replay(ingest.database, ingest.intake, workspace, now=NOON, refused_ids=[second])
    assert done == Replay(replayed=1, refused=0)
    assert await stored_ids(ingest.database, workspace) == ["m1"]


async def test_a_whole_body_that_is_no_batch_is_kept_too(ingest: Ingest, workspace: WorkspaceId) -> None:
    await ingest.intake.keep_body(workspace, b"{broken", BadInput("The body is not JSON."))
    assert await replay(ingest.database, ingest.intake, workspace, now=NOON) == Replay(replayed=0, refused=1)
    (kept,) = await listed(ingest, workspace)
    assert (kept.code, kept.body) == ("MALFORMED", b"{broken")


async def test_an_event_that_the_database_refused_can_be_replayed(
    ingest: Ingest, workspace: WorkspaceId
) -> None:
    await ingest.accumulator.submit(workspace, [event("m1", properties={"a": "\0"})])
    await mend(ingest, workspace, rb"\u0000", b"mended")
    assert await replay(ingest.database, ingest.intake, workspace, now=NOON) == Replay(replayed=1, refused=0)
    assert await stored_ids(ingest.database, workspace) == ["m1"]


async def test_refused_items_are_listed_newest_first_in_pages(ingest: Ingest, workspace: WorkspaceId) -> None:
    await ingest.accumulator.submit(
        workspace, [], [Refusal(code=str(number), message="x", body=b"") for number in range(5)]
    )
    async with ingest.database.connection(workspace) as connection:
        first = await refused.list_refused(connection, workspace, limit=3)
        rest = await refused.list_refused(connection, workspace, before=first[-1].refused_id)
    assert [item.code for item in first + rest] == ["4", "3", "2", "1", "0"]


async def test_refused_items_are_forgotten_after_thirty_days(ingest: Ingest, workspace: WorkspaceId) -> None:
    for days in (29, 31):
        await ingest.accumulator.submit(
            workspace,
            [],
            [Refusal(code=str(days), message="x", body=b"")],
            received_at=NOON - timedelta(days=days),
        )
    async with ingest.database.connection(workspace) as connection:
        assert await refused.expire(connection, workspace, NOON, limit=10) == 1
    assert [item.code for item in await listed(ingest, workspace)] == ["29"]


def test_an_event_written_anew_reads_as_the_same_event() -> None:
    whole = Event(
        message_id="m1",
        type=EventType.TRACK,
        name="Pricing Viewed",
        occurred_at=NOON - timedelta(hours=1),
        received_at=NOON,
        identifiers=(
            Identifier("user_id", "u1"),
            Identifier("email", "ann@example.com"),
            Identifier("phone", "+442079460958"),
            Identifier("device_id", "d1"),
            Identifier("crm_id", "c1"),
            Identifier("anonymous_id", "a1"),
        ),
        account=AccountRef(group_id="g1", member=False),
        properties={"total": 12.5},
        context={
            "traits": {"email": "ann@example.com", "phone": "+442079460958"},
            "externalIds": [{"type": "crm_id", "id": "c1"}],
            "device": {"id": "d1"},
            "groupId": "g1",
        },
    )
    calls = (
        {},
        {"type": EventType.PAGE, "name": "Page Viewed"},
        {"type": EventType.IDENTIFY, "name": "Identified", "properties": whole.context["traits"]},
        {"type": EventType.GROUP, "name": "Grouped", "account": AccountRef(group_id="g1", member=True)},
    )
    for changes in calls:
        one = Event(**({field: getattr(whole, field) for field in Event.__struct_fields__} | changes))
        batch = decode_batch(refused.as_batch(one))
        checked = Validator(make_kinds(), "US").check(
            batch.items[0], batch, received_at=NOON, source="tracking"
        )
        assert isinstance(checked, Checked)
        assert {**_fields(checked.event), "identifiers": set(checked.event.identifiers)} == {
            **_fields(one),
            "identifiers": set(one.identifiers),
        }


def _fields(one: Event) -> dict[str, object]:
    return {field: getattr(one, field) for field in Event.__struct_fields__}
