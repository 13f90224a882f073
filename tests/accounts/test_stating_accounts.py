from __future__ import annotations

from datetime import timedelta

import pytest

from cdp.accounts import AccountChanges
from cdp.errors import BadInput, Conflict, NotFound
from cdp.model import AccountId, AccountKind, ProfileId
from tests.accounts.people_in_accounts import Town
from tests.identity.people import NOW


async def test_a_person_states_what_an_account_is(town: Town) -> None:
    """By its group id, its id or its domain; what is left out stays."""
    ((account, *_), _) = await town.send(town.group("u:ann", "acme", name="acme inc", plan="pro"))
    changes = AccountChanges(
        name=" Acme ", seats_licensed=5, domain="https://www.acme.com", traits={"tier": 1}
    )
    later = NOW + timedelta(days=1)
    assert (await town.update(group_id="acme", changes=changes, now=later)).account_id == account
    changes = AccountChanges(kind=AccountKind.HOUSEHOLD, traits={"plan": None})
    assert (await town.update(account_id=account, changes=changes, now=later)).account_id == account
    assert (
        await town.update(domain="ann@ACME.com", changes=AccountChanges(), now=later)
    ).account_id == account
    assert await town.accounts() == [
        {
            "kind": "HOUSEHOLD",
            "group_id": "acme",
            "domain": "acme.com",
            "name": "Acme",
            "seats_licensed": 5,
            "traits": {
                "domain": "acme.com",
                "kind": "HOUSEHOLD",
                "name": "Acme",
                "seats_licensed": 5,
                "tier": 1,
            },
        }
    ]
    rows = await town.rows(
        "SELECT DISTINCT source FROM account_trait WHERE workspace_id = $1 AND key = 'name'"
    )
    assert [row["source"] for row in rows] == ["human:Ann"]


async def test_two_statements_of_one_moment_both_count(town: Town) -> None:
    """The second overrides the first."""
    await town.create(group_id="acme", changes=AccountChanges(name="One"))
    await town.update(group_id="acme", changes=AccountChanges(name="Two"))
    assert [one["name"] for one in await town.accounts()] == ["Two"]


async def test_stating_the_domain_absorbs_the_account_of_that_domain(town: Town) -> None:
    """Its people become the account's, and are touched."""
    await town.send(town.event("u:ann e:ann@acme.com"), town.group("u:bob", "g1"))
    changed = await town.update(group_id="g1", changes=AccountChanges(domain="acme.com"))
    assert changed.touched == {await town.profile("u:ann")}
    assert await town.members() == {("ann@acme.com", "g1", ("email_domain",)), ("bob", "g1", ("group",))}


async def test_what_was_stated_about_an_absorbed_account_moves_along(town: Town) -> None:
    """Its traits, and memberships that a person set."""
    await town.send(town.event("u:ann e:ann@acme.com"), town.group("u:bob", "g1"))
    old = await town.update(domain="acme.com", changes=AccountChanges(traits={"tier": "gold"}))
    await town.set(await town.profile("u:bob"), old.account_id, since=NOW - timedelta(days=5))
    await town.update(group_id="g1", changes=AccountChanges(domain="acme.com"))
    (account,) = await town.accounts()
    assert account["traits"] == {"domain": "acme.com", "tier": "gold"}
    assert await town.members() == {
        ("ann@acme.com", "g1", ("email_domain",)),
        ("bob", "g1", ("group", "human")),
    }


async def test_a_domain_that_another_account_has_is_a_conflict(town: Town) -> None:
    """Nothing changes."""
    await town.send(town.group("u:ann", "g1", domain="acme.com"), town.group("u:bob", "g2"))
    before = await town.accounts()
    with pytest.raises(Conflict, match="Another account has the domain acme.com"):
        await town.update(group_id="g2", changes=AccountChanges(name="Second", domain="acme.com"))
    assert await town.accounts() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        (AccountChanges(domain="gmail.com"), "domain"),
        (AccountChanges(domain="no domain"), "domain"),
        (AccountChanges(name="  "), "name"),
        (AccountChanges(seats_licensed=-1), "seatsLicensed"),
        (AccountChanges(seats_licensed=2**31), "seatsLicensed"),
    ],
)
async def test_what_cannot_be_is_refused(town: Town, changes: AccountChanges, field: str) -> None:
    """With the field at fault."""
    await town.create(group_id="acme", changes=AccountChanges())
    with pytest.raises(BadInput) as failed:
        await town.update(group_id="acme", changes=changes)
    assert failed.value.field == (field,)


async def test_an_account_is_made_once(town: Town) -> None:
    """By group id, by domain, or by its name; a group id may adopt the account of its domain."""
    await town.send(town.event("u:ann e:ann@acme.com"))
    await town.create(group_id="acme", changes=AccountChanges(domain="acme.com"))
    await town.create(changes=AccountChanges(domain="globex.test"))
    await town.create(changes=AccountChanges(name="The Smiths", kind=AccountKind.HOUSEHOLD))
    assert [(one.get("group_id"), one.get("domain"), one.get("name")) for one in await town.accounts()] == [
        ("acme", "acme.com", None),
        (None, "globex.test", None),
        (None, None, "The Smiths"),
    ]
    for group_id, changes in (
        ("acme", AccountChanges()),
        (None, AccountChanges(domain="globex.test")),
        ("new", AccountChanges(domain="acme.com")),
    ):
        with pytest.raises(Conflict):
            await town.create(group_id=group_id, changes=changes)
    with pytest.raises(BadInput):
        await town.create(changes=AccountChanges())


@pytest.mark.parametrize(
    "which", [{"group_id": "no"}, {"domain": "no.test"}, {"domain": "no"}, {"account_id": 4711}]
)
async def test_an_account_that_does_not_exist_is_not_found(town: Town, which: dict[str, object]) -> None:
    """Whatever it was asked for by."""
    with pytest.raises(NotFound):
        await town.update(changes=AccountChanges(name="x"), **which)


async def test_a_person_sets_and_ends_a_membership(town: Town) -> None:
    """It outranks the group call, the later statement stands, and an ended membership keeps its dates."""
    ((account, *_), _) = await town.send(town.group("u:ann", "acme"))
    ann = await town.profile("u:ann")
    since, until = NOW - timedelta(days=30), NOW - timedelta(days=1)
    await town.set(ann, account, since=since)
    await town.set(ann, account, since=since, until=until, now=NOW + timedelta(seconds=1))
    await town.set(ann, account, now=NOW - timedelta(days=2))
    (row,) = await town.rows(
        "SELECT since, until, sources FROM membership WHERE workspace_id = $1 AND account_id > 0"
    )
    assert (row["since"], row["until"], row["sources"]) == (since, until, ["group", "human"])


async def test_a_membership_needs_a_person_an_account_and_a_length(town: Town) -> None:
    """Each mistake has its own error."""
    ((account, *_), _) = await town.send(town.group("u:ann", "acme"))
    ann = await town.profile("u:ann")
    with pytest.raises(NotFound, match="account"):
        await town.set(ann, AccountId(4711))
    with pytest.raises(NotFound, match="profile"):
        await town.set(ProfileId(4711), account)
    with pytest.raises(BadInput, match="before it begins"):
        await town.set(ann, account, since=NOW, until=NOW)
