"""Events pass the plugins before they are stored: on every way in, in order, and outside of every transaction."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from msgspec import structs

from cdp.db.pool import Database
from cdp.errors import BadInput, Unavailable
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.identity.explain import explain
from cdp.ingest.decode import batch_of
from cdp.ingest.intake import Receipt
from cdp.ingest.replay import replay
from cdp.lenses.rebuild import rebuild
from cdp.model import (
    AccountClaim,
    Batch,
    Classification,
    ConsentQuestion,
    Event,
    Identifier,
    IdentityRule,
    LinkCandidate,
    Redacted,
    Withheld,
    WorkspaceId,
)
from tests.ingest.parts import NOON, Ingest, open_ingest

KEY = base64.b64encode(bytes(32)).decode()
SECRET = "4111 1111"


class Plugin:
    """A plugin made of functions."""

    def __init__(self, **functions: Callable[..., object]) -> None:
        for name, function in functions.items():
            setattr(self, name, hookimpl(function))


@asynccontextmanager
async def ingesting(database: Database, *plugins: Plugin, **settings: Any) -> AsyncIterator[Ingest]:
    """The ingest path with these plugins; the one given last is asked first."""
    loaded = Plugins()
    for number, plugin in enumerate(plugins):
        loaded.register(plugin, name=f"p{number}")
    assert loaded.left_out() == frozenset()
    async with open_ingest(database, plugins=loaded, **settings) as ingest:
        yield ingest
    await loaded.aclose()


async def track(ingest: Ingest, workspace: WorkspaceId, *items: dict[str, Any], **how: Any) -> Receipt:
    """Take in track calls of somebody called u1, unless they say otherwise."""
    given = [
        {"type": "track", "event": "Pricing Viewed", "userId": "u1", "messageId": f"m{index}"} | item
        for index, item in enumerate(items)
    ]
    return await ingest.intake.take(workspace, batch_of(given), **how)


async def fetch(database: Database, workspace: WorkspaceId, statement: str) -> list[tuple[Any, ...]]:
    async with database.connection(workspace) as connection:
        return [tuple(row) for row in await connection.fetch(statement, workspace)]


async def stored(database: Database, workspace: WorkspaceId) -> list[tuple[str, Any, Any]]:
    """Name, properties and context of the stored events, in their order."""
    rows = await fetch(
        database,
        workspace,
        "SELECT name, properties::text, context::text FROM event WHERE workspace_id = $1 ORDER BY message_id",
    )
    return [(name, msgspec.json.decode(one), msgspec.json.decode(other)) for name, one, other in rows]


def everything_written(rows: list[tuple[Any, ...]]) -> bytes:
    return b"".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )


async def refused(database: Database, workspace: WorkspaceId) -> list[tuple[Any, ...]]:
    return await fetch(
        database,
        workspace,
        "SELECT code, message, body FROM refused_event WHERE workspace_id = $1 ORDER BY refused_id",
    )


def renaming(suffix: str) -> Plugin:
    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {i: structs.replace(event, name=event.name + suffix) for i, event in enumerate(events)}

    return Plugin(transform_event=transform_event)


def masking(events: Batch[Event]) -> dict[int, Redacted]:
    return {
        i: Redacted(
            event=structs.replace(event, properties={**event.properties, "card": "[card]"}), found={"card": 1}
        )
        for i, event in enumerate(events)
        if "card" in event.properties
    }


def broken(*_: object) -> dict[int, Any]:
    raise RuntimeError("out of order")


async def test_transformations_are_chained_and_what_they_make_is_stored(
    database: Database, workspace: WorkspaceId
) -> None:
    """The one that was registered last begins; a failing one between them changes nothing."""
    plugins = renaming(" b"), Plugin(transform_event=broken), renaming(" a")
    async with ingesting(database, *plugins) as ingest:
        receipt = await track(ingest, workspace, {})
    assert receipt.stored == 1
    assert await stored(database, workspace) == [("Pricing Viewed a b", {}, {})]


async def test_one_event_that_a_plugin_stumbles_over_does_not_spoil_the_others(
    database: Database, workspace: WorkspaceId
) -> None:
    """They are halved until it is alone."""

    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {
            i: structs.replace(e, properties={"n": 10 // e.properties["n"]}) for i, e in enumerate(events)
        }

    async with ingesting(database, Plugin(transform_event=transform_event)) as ingest:
        await track(ingest, workspace, *({"properties": {"n": n}} for n in (1, 2, 0, 5)))
    assert [properties for _, properties, _ in await stored(database, workspace)] == [
        {"n": 10},
        {"n": 5},
        {"n": 0},
        {"n": 2},
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "other", "name": "Renamed"},
        {"source": "human:nobody", "name": "Renamed"},
        {"name": " "},
        {"identifiers": ()},
        {"identifiers": (Identifier("email", "Not An Address"),)},
        {"properties": {"x": "\0"}},
        {"properties": {"x": "long" * 20_000}},
        {"properties": {"x": object()}},
    ],
)
async def test_what_a_transformation_may_not_do_has_no_effect(
    database: Database, workspace: WorkspaceId, changes: dict[str, Any]
) -> None:
    """The event is stored as it was."""

    def transform_event(events: Batch[Event]) -> dict[int, Event]:
        return {0: structs.replace(events[0], **changes)}

    async with ingesting(database, Plugin(transform_event=transform_event)) as ingest:
        receipt = await track(ingest, workspace, {"properties": {"kept": True}})
    assert receipt.stored == 1
    assert await stored(database, workspace) == [("Pricing Viewed", {"kept": True}, {})]


async def test_a_plugin_that_changes_what_it_got_changes_nothing(
    database: Database, workspace: WorkspaceId
) -> None:
    """It looked at copies."""

    def transform_event(events: Batch[Event]) -> None:
        for event in events:
            event.properties["deep"]["list"].append("changed")
            event.properties.clear()

    async with ingesting(database, Plugin(transform_event=transform_event)) as ingest:
        await track(ingest, workspace, {"properties": {"deep": {"list": [1]}}})
    assert await stored(database, workspace) == [("Pricing Viewed", {"deep": {"list": [1]}}, {})]


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


async def test_an_event_counts_as_what_a_plugin_says_and_keeps_its_name(
    database: Database, workspace: WorkspaceId
) -> None:
    """A rebuild without the plugin gives the same views."""

    def classify_event(events: Batch[Event]) -> dict[int, Classification]:
        return {
            i: Classification(counts_as="Demo Requested", reason="The button says so.")
            for i, _ in events.named("Clicked CTA 7")
        }

    async with ingesting(database, Plugin(classify_event=classify_event)) as ingest:
        await track(ingest, workspace, {"event": "Clicked CTA 7"}, {"event": "Something Else"})
    signals = "SELECT key, count FROM summary_tally WHERE workspace_id = $1 AND kind = 'signal'"
    before = await fetch(database, workspace, signals)
    assert [count for _, count in before] == [1]
    assert (await rebuild(database, workspace, check=True)).differences == {}
    assert (await stored(database, workspace))[0] == (
        "Clicked CTA 7",
        {},
        {
            "diptych": {
                "countsAs": "Demo Requested",
                "classification": {"by": "p0", "reason": "The button says so."},
            }
        },
    )
    names = "SELECT name FROM event_name WHERE workspace_id = $1 ORDER BY name"
    assert await fetch(database, workspace, names) == [("Demo Requested",), ("Something Else",)]


async def test_the_surest_claim_says_in_which_account_an_event_happened(
    database: Database, workspace: WorkspaceId
) -> None:
    """An event that names its account is not asked about; a domain finds the account that an address made."""

    def claiming(confidence: float, **names: str) -> Plugin:
        claim = AccountClaim(**names, member=True, confidence=confidence, reason="Said so.")

        def resolve_account(events: Batch[Event]) -> dict[int, AccountClaim]:
            return {i: claim for i, _ in enumerate(events)}

        return Plugin(resolve_account=resolve_account)

    plugins = claiming(0.9, domain="https://www.acme.com"), claiming(0.5, group_id="g1")
    async with ingesting(database, *plugins) as ingest:
        await track(
            ingest,
            workspace,
            {"userId": "u0", "context": {"traits": {"email": "ann@acme.com"}, "groupId": "g2"}},
        )
        await track(ingest, workspace, {"messageId": "x", "context": {}})
    rows = await fetch(
        database,
        workspace,
        "SELECT e.message_id, a.group_id, a.domain FROM event e JOIN account a ON a.workspace_id = e.workspace_id "
        "AND a.account_id = e.account_id WHERE e.workspace_id = $1 ORDER BY 1",
    )
    assert rows == [("m0", "g2", None), ("x", None, "acme.com")]
    accounts = "SELECT count(*) FROM account WHERE workspace_id = $1 AND domain = 'acme.com'"
    assert await fetch(database, workspace, accounts) == [(1,)]
    assert (await stored(database, workspace))[-1][2]["diptych"]["account"] == {
        "by": "p0",
        "groupId": None,
        "domain": "acme.com",
        "member": True,
        "confidence": 0.9,
        "reason": "Said so.",
    }


async def test_a_vetoed_link_is_recorded_as_refused_with_its_reason_and_by_whom(
    database: Database, workspace: WorkspaceId
) -> None:
    """Rule or call, the two stay two people, the rest of the event's identifiers join, and identityExplain says why."""
    rule = IdentityRule(name="shared", reason="It is shared.", kind="email", pattern="info@.*")

    def veto_link(links: Batch[LinkCandidate]) -> dict[int, str]:
        return {i: "It is a kiosk." for i, link in enumerate(links) if link.other.value == "kiosk"}

    plugin = Plugin(register_identity_rules=lambda: [rule], veto_link=veto_link)
    async with ingesting(database, plugin) as ingest:
        await track(
            ingest,
            workspace,
            {
                "anonymousId": "a1",
                "context": {"traits": {"email": "info@acme.com"}, "device": {"id": "kiosk"}},
            },
        )
    async with database.connection(workspace) as connection:
        for identifier, why in (
            (Identifier("email", "info@acme.com"), "It is shared."),
            (Identifier("device_id", "kiosk"), "It is a kiosk."),
        ):
            found = await explain(connection, workspace, Identifier("user_id", "u1"), identifier)
            assert found.one != found.other
            assert (why, "veto", "p0") in {
                (link.reason, link.rule, link.evidence["plugin"]) for link in found.refused
            }
        joined = await explain(
            connection, workspace, Identifier("user_id", "u1"), Identifier("anonymous_id", "a1")
        )
    assert joined.one == joined.other
