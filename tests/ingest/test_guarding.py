"""Plugins guard events before they are stored: what they redact, hold, withhold or have no consent for."""

from __future__ import annotations

import base64

import pytest
from msgspec import structs

from cdp.db.pool import Database
from cdp.errors import BadInput, Unavailable
from cdp.ingest.replay import replay
from cdp.model import Batch, ConsentQuestion, Event, Withheld, WorkspaceId
from tests.ingest.parts import NOON
from tests.ingest.passing import (
    KEY,
    SECRET,
    Plugin,
    broken,
    everything_written,
    ingesting,
    masking,
    refused,
    stored,
    track,
)


async def test_a_guard_sees_what_transformations_made_and_its_findings_are_kept(
    database: Database, workspace: WorkspaceId
) -> None:
    """Its sender is told too."""

    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {0: structs.replace(events[0], properties={"card": SECRET})}

    async with ingesting(database, Plugin(transform_event=transform_event, guard_event=masking)) as ingest:
        receipt = await track(ingest, workspace, {})
    assert [(remark.code, remark.message) for remark in receipt.remarks] == [
        ("REDACTED", "The plugin p0 took out: card (1).")
    ]
    assert await stored(database, workspace) == [
        ("Pricing Viewed", {"card": "[card]"}, {"diptych": {"redacted": {"p0": {"card": 1}}}})
    ]


async def test_an_event_that_a_guard_cannot_look_at_is_held_sealed_and_replayed_when_it_works(
    database: Database, workspace: WorkspaceId
) -> None:
    """Nothing of it lies in the database as it came, and afterwards it is redacted like any other."""
    async with ingesting(database, Plugin(guard_event=broken), seal_keys=KEY) as ingest:
        receipt = await track(ingest, workspace, {"properties": {"card": SECRET}})
    held = await refused(database, workspace)
    assert (receipt.stored, [one.code for one in receipt.refused]) == (0, ["HELD"])
    assert [row[0] for row in held] == ["HELD"]
    assert SECRET.encode() not in everything_written(held)
    async with ingesting(database, Plugin(guard_event=masking), seal_keys=KEY) as ingest:
        replayed = await replay(database, ingest.intake, workspace, now=NOON)
    assert (replayed.replayed, replayed.refused) == (1, 0)
    assert [properties for _, properties, _ in await stored(database, workspace)] == [{"card": "[card]"}]


async def test_without_a_key_the_sender_is_told_to_come_again_and_nothing_is_written(
    database: Database, workspace: WorkspaceId
) -> None:
    """Not even the events beside it: their sender repeats the whole batch."""

    def guard_event(events: Batch[Event]) -> None:
        if any(event.properties for event in events):
            raise RuntimeError

    async with ingesting(database, Plugin(guard_event=guard_event)) as ingest:
        with pytest.raises(Unavailable):
            await track(ingest, workspace, {"properties": {"card": SECRET}}, {})
    assert (await stored(database, workspace), await refused(database, workspace)) == ([], [])


async def test_a_sealed_event_stays_where_the_key_is_missing_and_says_so(
    database: Database, workspace: WorkspaceId
) -> None:
    """And is replayed once the key is there again, behind a newer one."""
    newer = base64.b64encode(bytes(range(32))).decode()
    async with ingesting(database, Plugin(guard_event=broken), seal_keys=KEY) as ingest:
        await track(ingest, workspace, {})
    async with ingesting(database, seal_keys=newer) as ingest:
        assert (await replay(database, ingest.intake, workspace, now=NOON)).refused == 1
        assert [row[0] for row in await refused(database, workspace)] == ["SEALED"]
    async with ingesting(database, seal_keys=f"{newer},{KEY}") as ingest:
        assert (await replay(database, ingest.intake, workspace, now=NOON)).replayed == 1


@pytest.mark.parametrize(("keys", "kept"), [(KEY, True), (None, False)])
async def test_what_is_refused_for_another_reason_is_not_kept_as_it_came_either_where_there_is_a_guard(
    database: Database, workspace: WorkspaceId, keys: str | None, *, kept: bool
) -> None:
    """It is sealed; without a key only the reason is kept."""
    async with ingesting(database, Plugin(guard_event=masking), seal_keys=keys) as ingest:
        await track(ingest, workspace, {"userId": None, "properties": {"card": SECRET}})
        await ingest.intake.keep_body(workspace, SECRET.encode(), BadInput("no batch"))
        rows = await refused(database, workspace)
        again = await replay(database, ingest.intake, workspace, now=NOON)
    assert [row[0] for row in rows] == ["MISSING_ID", "MALFORMED"]
    assert SECRET.encode() not in everything_written(rows)
    assert [bool(row[2]) for row in rows] == [kept, kept]
    assert (again.replayed, again.refused) == (0, 2)


async def test_what_a_guard_withholds_is_not_kept_at_all(database: Database, workspace: WorkspaceId) -> None:
    """Its sender hears why."""

    def guard_event(events: Batch[Event]) -> dict[int, Withheld]:
        return {0: Withheld(reason="It is a secret.")}

    async with ingesting(database, Plugin(guard_event=guard_event), seal_keys=KEY) as ingest:
        receipt = await track(ingest, workspace, {}, {})
    assert [(one.index, one.code, one.message) for one in receipt.refused] == [
        (0, "WITHHELD", "It is a secret.")
    ]
    assert receipt.stored == 1
    assert await refused(database, workspace) == []


async def test_consent_is_asked_before_any_other_plugin_sees_the_event(
    database: Database, workspace: WorkspaceId
) -> None:
    """By what the event says, and by what is known of the person; what is refused leaves no trace."""
    seen: list[str] = []

    def guard_consent(questions: Batch[ConsentQuestion]) -> dict[int, str]:
        return {
            i: "The person said no."
            for i, question in enumerate(questions)
            if question.said.get("ok", question.known.get("ok")) is False
        }

    def transform_event(events: Batch[Event]) -> None:
        seen.extend(event.message_id for event in events)

    plugin = Plugin(guard_consent=guard_consent, transform_event=transform_event)
    async with ingesting(database, plugin, seal_keys=KEY) as ingest:
        said_no = {"type": "identify", "userId": "u2", "traits": {"consent": {"ok": False}}}
        await track(ingest, workspace, said_no | {"context": {"consent": {"ok": True}}})
        receipt = await track(
            ingest,
            workspace,
            {"messageId": "a", "context": {"consent": {"ok": False}}},
            {"messageId": "b"},
            {"messageId": "c", "userId": "u2"},
        )
    assert [(one.index, one.code) for one in receipt.refused] == [(0, "NO_CONSENT"), (2, "NO_CONSENT")]
    assert seen == ["m0", "b"]
    assert await refused(database, workspace) == []


async def test_a_held_event_whose_person_proves_to_have_refused_is_forgotten(
    database: Database, workspace: WorkspaceId
) -> None:
    """The reason stays, the event goes."""
    async with ingesting(database, Plugin(guard_consent=broken), seal_keys=KEY) as ingest:
        await track(ingest, workspace, {})
    async with ingesting(
        database, Plugin(guard_consent=lambda questions: {0: "No."}), seal_keys=KEY
    ) as ingest:
        await replay(database, ingest.intake, workspace, now=NOON)
    assert await refused(database, workspace) == [("NO_CONSENT", "No.", b"")]
