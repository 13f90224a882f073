"""Plugins say what events count as, where they happened and whom they link, before they are stored."""

from __future__ import annotations

from cdp.db.pool import Database
from cdp.identity.explain import explain
from cdp.lenses.rebuild import rebuild
from cdp.model import (
    AccountClaim,
    Batch,
    Classification,
    Event,
    Identifier,
    IdentityRule,
    LinkCandidate,
    WorkspaceId,
)
from tests.ingest.passing import Plugin, fetch, ingesting, stored, track


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
