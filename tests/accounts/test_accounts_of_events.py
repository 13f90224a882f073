from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import permutations
from typing import Any

from cdp.accounts import current_account, find
from cdp.identity.store import RETRYABLE
from cdp.lenses.store import refresh
from cdp.model import AccountId, Event
from tests.accounts.people_in_accounts import Town
from tests.conftest import make_workspace
from tests.identity.people import NOW


async def test_a_group_call_makes_the_account_and_the_membership(town: Town) -> None:
    """Its traits are the account's; the person is a member from its time on."""
    early = NOW - timedelta(days=9)
    accounts, _ = await town.send(
        town.group("u:ann", "acme", name="Acme", seats=10, plan="pro"), town.group("u:ann", "acme", at=early)
    )
    assert accounts[0] == accounts[1] > 0
    assert await town.accounts() == [
        {
            "kind": "ORGANISATION",
            "group_id": "acme",
            "name": "Acme",
            "seats_licensed": 10,
            "traits": {"name": "Acme", "plan": "pro", "seats": 10},
        }
    ]
    assert await town.members() == {("ann", "acme", ("group",))}
    (row,) = await town.rows("SELECT since, until FROM membership WHERE workspace_id = $1")
    assert (row["since"], row["until"]) == (early, None)


async def test_an_event_within_an_account_makes_no_member(town: Town) -> None:
    """context.groupId says where it happened, and the account is known from then on."""
    accounts, _ = await town.send(town.within("u:ann", "acme"), town.event("u:ann"))
    assert accounts[0] > 0
    assert accounts[1] == 0
    assert [one["group_id"] for one in await town.accounts()] == ["acme"]
    assert await town.members() == {("ann", None, ())}


async def test_a_later_word_on_an_account_stands_whatever_arrives_first(town: Town) -> None:
    """Traits are registers: late messages do not overwrite newer ones, null takes a trait away."""
    await town.send(town.group("u:ann", "acme", at=NOW, plan="pro", region="EU"))
    await town.send(town.group("u:ann", "acme", at=NOW - timedelta(days=1), plan="free", size=3))
    await town.send(town.group("u:ann", "acme", at=NOW + timedelta(days=1), region=None))
    assert [one["traits"] for one in await town.accounts()] == [{"plan": "pro", "size": 3}]


async def test_a_household_is_told_by_its_type(town: Town) -> None:
    """Whatever the case it is written in."""
    await town.send(town.group("u:ann", "smiths", type="Household"))
    assert [one["kind"] for one in await town.accounts()] == ["HOUSEHOLD"]


async def test_an_address_at_an_organisation_suggests_membership(town: Town) -> None:
    """Not one at a free-mail provider, and not one at a public suffix."""
    await town.send(town.event("u:ann e:ann@mail.acme.co.uk"), town.event("u:bob e:bob@gmail.com"))
    assert await town.accounts() == [{"kind": "ORGANISATION", "domain": "acme.co.uk"}]
    assert await town.members() == {
        ("ann@mail.acme.co.uk", "acme.co.uk", ("email_domain",)),
        ("bob@gmail.com", None, ()),
    }


async def test_what_is_said_beats_what_an_address_suggests(town: Town) -> None:
    """A consultant with a group is in the group's organisation alone; in a household she stays with her employer."""
    await town.send(town.event("u:ann e:ann@consulting.test"), town.event("u:bob e:bob@consulting.test"))
    await town.send(town.group("u:ann", "acme"), town.group("u:bob", "bobs", type="household"))
    assert await town.members() == {
        ("ann@consulting.test", "acme", ("group",)),
        ("bob@consulting.test", "bobs", ("group",)),
        ("bob@consulting.test", "consulting.test", ("email_domain",)),
    }


async def test_an_account_that_turns_out_to_be_a_household_frees_its_members_addresses(town: Town) -> None:
    """The people of the account are touched, although only another person's event says so."""
    await town.send(town.event("u:ann e:ann@corp.test"), town.group("u:ann", "smiths"))
    assert await town.members() == {("ann@corp.test", "smiths", ("group",))}
    _, resolution = await town.send(town.group("u:bob", "smiths", type="household"))
    assert await town.profile("u:ann") in resolution.touched
    assert ("ann@corp.test", "corp.test", ("email_domain",)) in await town.members()


async def test_a_domain_and_a_group_become_one_account_in_any_order(town: Town) -> None:
    """Adopted when the group is new, absorbed when it was there, found when its domain was known."""
    expected: list[Any] = []
    for order in permutations(range(3)):
        other = Town(town.database, await make_workspace(town.database, f"order {order}"))
        events = [
            other.event("u:ann e:ann@acme.com", at=NOW),
            other.group("u:bob", "acme", at=NOW, name="Acme"),
            other.group("u:cas", "acme", at=NOW + timedelta(hours=1), website="https://acme.com"),
        ]
        for index in order:
            await other.send(events[index])
        found = (await other.accounts(), await other.members())
        expected = expected or [found]
        assert found == expected[0]
    assert expected[0][0] == [
        {
            "kind": "ORGANISATION",
            "group_id": "acme",
            "domain": "acme.com",
            "name": "Acme",
            "traits": {"name": "Acme", "website": "https://acme.com"},
        }
    ]
    assert ("ann@acme.com", "acme", ("email_domain",)) in expected[0][1]


async def test_an_absorbed_account_leads_to_the_one_that_absorbed_it(town: Town) -> None:
    """Its people are touched; its id keeps resolving."""
    await town.send(town.event("u:ann e:ann@acme.com"))
    async with town.database.connection(town.workspace_id) as connection:
        old = await find(connection, town.workspace_id, domain="acme.com")
    assert old is not None
    await town.send(town.group("u:bob", "g1"))
    _, resolution = await town.send(town.group("u:bob", "g1", domain="acme.com"))
    assert resolution.touched == {await town.profile("u:ann"), await town.profile("u:bob")}
    async with town.database.connection(town.workspace_id) as connection:
        current = await current_account(connection, town.workspace_id, old)
        assert current == await find(connection, town.workspace_id, group_id="g1")
        assert current == await find(connection, town.workspace_id, domain="acme.com")
        assert await current_account(connection, town.workspace_id, AccountId(4711)) is None
        assert await find(connection, town.workspace_id, group_id="nobody") is None
    assert await town.members() == {("ann@acme.com", "g1", ("email_domain",)), ("bob", "g1", ("group",))}


async def test_a_domain_has_one_account(town: Town) -> None:
    """The second group that claims it keeps the trait; the first one keeps the domain."""
    await town.send(
        town.group("u:ann", "g1", domain="acme.com"), town.group("u:bob", "g2", domain="acme.com")
    )
    assert [(one["group_id"], one.get("domain")) for one in await town.accounts()] == [
        ("g1", "acme.com"),
        ("g2", None),
    ]


async def test_a_free_mail_provider_is_nobodys_domain(town: Town) -> None:
    """Else all its customers would be members; a workspace may name further ones."""
    town.free_mail = ("isp.test",)
    await town.send(town.group("u:ann", "g1", website="gmail.com"), town.event("u:bob e:bob@gmail.com"))
    await town.send(town.event("u:cas e:cas@isp.test"))
    assert [one.get("domain") for one in await town.accounts()] == [None]


async def test_memberships_move_with_the_identifier(town: Town) -> None:
    """After a merge the person is in both accounts; after the split each side in its own."""
    await town.send(town.group("u:ann", "acme"), town.group("u:anna", "globex"))
    ann, anna = await town.profile("u:ann"), await town.profile("u:anna")
    await town.merge(ann, anna)
    await refreshed(town, ann)
    assert await town.members() == {("ann", "acme", ("group",)), ("ann", "globex", ("group",))}
    await town.split(ann, "u:anna")
    await refreshed(town, ann, anna)
    assert await town.members() == {("ann", "acme", ("group",)), ("anna", "globex", ("group",))}


async def test_events_without_accounts_ask_nothing(town: Town) -> None:
    """The usual event costs no statement here."""
    accounts, _ = await town.send(town.event("u:ann a:1"), town.event("a:2"))
    assert accounts == [0, 0]
    assert await town.accounts() == []


async def test_parallel_flushes_make_each_account_once(town: Town) -> None:
    """By group id, by domain, and by a group that claims the domain at the same moment."""

    async def insist(*events: Event) -> None:
        for _ in range(20):
            try:
                await town.send(*events)
            except RETRYABLE:
                continue
            return
        raise AssertionError("the deadlocks never ended")

    await asyncio.gather(
        *(
            insist(
                town.group(f"u:{number}", "acme", domain="acme.com", seats=number + 1),
                town.event(f"u:m{number} e:m{number}@acme.com"),
                town.within(f"u:{number}", f"g{number % 2}"),
                town.event(f"u:n{number} e:n{number}@globex.test"),
            )
            for number in range(8)
        )
    )
    names = sorted((one.get("group_id", ""), one.get("domain", "")) for one in await town.accounts())
    assert names == [("", "globex.test"), ("acme", "acme.com"), ("g0", ""), ("g1", "")]
    assert len(await town.members()) == 24


async def refreshed(town: Town, *profiles: Any) -> None:
    async with town.database.transaction(town.workspace_id) as connection:
        await refresh(connection, town.workspace_id, list(profiles))
