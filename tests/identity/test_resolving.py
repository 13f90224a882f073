from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.errors import NotFound
from cdp.identity.kinds import make_kinds
from cdp.identity.profiles import current_profile, current_profiles, find, lock, nodes_of
from cdp.identity.store import resolve
from cdp.lenses.store import begin
from cdp.model import EventType, Identifier, ProfileId
from tests.conftest import make_workspace
from tests.identity.people import NOW, World, one


async def test_a_first_event_makes_a_person(world: World) -> None:
    """Its identifiers become nodes of one new profile; its facts hang on the strongest."""
    resolution = await world.see("a:browser u:ann e:ann@acme.com")
    (profile,) = await world.profiles()
    nodes = {identifier: node for node, identifier in resolution.new_nodes}
    assert await world.people() == {frozenset({"user_id:ann", "email:ann@acme.com", "anonymous_id:browser"})}
    assert resolution.node_of == [nodes[one("u:ann")]]
    assert resolution.profile_of == dict.fromkeys(nodes.values(), profile)
    assert resolution.touched == {profile}


async def test_a_visitor_who_signs_in_keeps_one_profile(world: World) -> None:
    """What was anonymous becomes the person's, under the id it had."""
    first = await world.see("a:browser")
    second = await world.see("u:ann a:browser")
    assert second.touched == first.touched
    assert await world.people() == {frozenset({"user_id:ann", "anonymous_id:browser"})}
    assert await world.aliases() == {}


async def test_two_profiles_that_prove_to_be_one_merge_into_the_older(world: World) -> None:
    """The younger id leads to the older one from now on."""
    await world.see("a:phone")
    older = await world.profile("a:phone")
    await world.see("u:ann")
    younger = await world.profile("u:ann")
    resolution = await world.see("u:ann a:phone")
    assert await world.profiles() == {older: {"user_id:ann", "anonymous_id:phone"}}
    assert await world.aliases() == {younger: older}
    assert resolution.touched == {older}
    assert set(resolution.profile_of.values()) == {older}


async def test_old_ids_keep_resolving_after_several_merges(world: World) -> None:
    """Every id that was ever given out leads to the survivor in one step."""
    for name in ("a:1", "a:2", "a:3", "a:4"):
        await world.see(name)
    born = [await world.profile(name) for name in ("a:1", "a:2", "a:3", "a:4")]
    await world.see("a:3 a:4")
    await world.see("a:2 a:3")
    await world.see("a:1 a:4")
    assert await world.aliases() == dict.fromkeys(born[1:], born[0])
    async with world.database.connection(world.workspace_id) as connection:
        found = await current_profiles(connection, world.workspace_id, [*born, ProfileId(999)])
        assert await current_profile(connection, world.workspace_id, ProfileId(999)) is None
        assert await find(connection, world.workspace_id, one("a:4")) == born[0]
        assert await find(connection, world.workspace_id, one("a:5")) is None
    assert found == dict.fromkeys(born, born[0])


async def test_a_shared_device_stays_with_its_first_user(world: World) -> None:
    """The second user is a person of their own; the refusal is kept with its reason and counted."""
    await world.see("u:ann a:tablet")
    for _ in range(3):
        resolution = await world.see("u:bob a:tablet")
    assert await world.people() == {
        frozenset({"user_id:ann", "anonymous_id:tablet"}),
        frozenset({"user_id:bob"}),
    }
    assert resolution.touched == {await world.profile("u:bob")}
    (refused,) = await world.links("REFUSED")
    assert (refused["rule"], refused["times"]) == ("unique", 3)
    assert refused["reason"].startswith("Each side has its own user_id")


async def test_a_shared_address_joins_no_two_users(world: World) -> None:
    """Also within one flush."""
    await world.see("u:ann e:team@acme.com", "u:bob e:team@acme.com", "u:cas e:team@acme.com")
    assert await world.people() == {
        frozenset({"user_id:ann", "email:team@acme.com"}),
        frozenset({"user_id:bob"}),
        frozenset({"user_id:cas"}),
    }


async def test_a_person_collects_only_so_many_phones(world: World) -> None:
    """The limit holds over flushes; what is refused becomes a person of its own."""
    limit = world.kinds["phone"].limit
    for number in range(limit + 2):
        await world.see(f"u:ann p:+1212555010{number}")
    profiles = await world.profiles()
    assert sorted(len(values) for values in profiles.values()) == [1, 1, limit + 1]
    assert [link["rule"] for link in await world.links("REFUSED")] == ["limit", "limit"]


async def test_a_repeated_link_only_counts(world: World) -> None:
    """It keeps its first evidence; the times widen."""
    early = NOW - timedelta(days=3)
    await world.take([world.event("u:ann a:x"), world.event("u:ann a:x", at=early)])
    await world.see("u:ann a:x", "a:x", "u:ann")
    (link,) = await world.links("ACCEPTED")
    assert {link["one"], link["other"], link["rule"]} == {"user_id:ann", "anonymous_id:x", "seen_together"}
    assert (link["times"], link["first_at"], link["last_at"]) == (3, early, NOW + timedelta(seconds=3))
    assert '"m1"' in link["evidence"]


async def test_an_alias_joins_what_was_anonymous(world: World) -> None:
    """The previous id is an anonymous one unless a user is known by it."""
    await world.see("a:visitor-1")
    await world.alias("u:ann a:visitor-1")
    assert await world.people() == {frozenset({"user_id:ann", "anonymous_id:visitor-1"})}
    (link,) = await world.links("ACCEPTED")
    assert link["rule"] == "alias"


async def test_an_alias_between_two_users_is_refused_and_told(world: World) -> None:
    """Only a person may say that two user ids are one human being."""
    await world.see("u:old")
    resolution = await world.alias("u:new a:old")
    assert await world.people() == {frozenset({"user_id:old"}), frozenset({"user_id:new"})}
    assert resolution.touched == {await world.profile("u:new")}
    assert [link["rule"] for link in await world.links("REFUSED")] == ["unique"]


async def test_an_alias_knows_the_users_of_its_own_flush(world: World) -> None:
    """The user that it names may have arrived a moment before."""
    await world.take([world.event("u:old"), world.event("u:new a:old", call=EventType.ALIAS)])
    assert await world.people() == {frozenset({"user_id:old"}), frozenset({"user_id:new"})}


async def test_an_alias_to_itself_says_nothing(world: World) -> None:
    """Clients send it when somebody signs in twice."""
    await world.see("u:ann")
    await world.alias("u:ann a:ann")
    assert await world.people() == {frozenset({"user_id:ann"})}


async def test_ending_derived_rows_of_a_merged_profile(world: World) -> None:
    """Its current role claims end, its memberships and its note for settling go; the survivor is settled anew."""
    await world.see("a:1")
    await world.see("u:ann")
    loser = await world.profile("u:ann")
    async with world.database.transaction(world.workspace_id) as connection:
        for table, columns, values in (
            (
                "role_claim",
                "role, source, confidence, evidence, since, account_id",
                "'A', 't', 1, '[]', now(), 0",
            ),
            ("membership", "account_id, own, scope, sources", "0, true, '{0}', '{}'"),
            ("settlement", "version", "1"),
        ):
            query = f"INSERT INTO {table} (workspace_id, profile_id, {columns}) VALUES ($1, $2, {values})"
            await connection.execute(query, world.workspace_id, loser)
    await world.see("u:ann a:1")
    assert [
        row["until"] for row in await world.rows("SELECT until FROM role_claim WHERE workspace_id = $1")
    ] == [NOW]
    assert await world.rows("SELECT 1 FROM membership WHERE workspace_id = $1") == []
    assert await world.rows("SELECT 1 FROM settlement WHERE workspace_id = $1") == []


async def test_nodes_are_listed_strongest_first_and_locks_follow_merges(world: World) -> None:
    """Mutations find the node to hang on, and the survivor of an old id."""
    await world.see("a:1")
    await world.see("u:ann")
    loser = await world.profile("u:ann")
    await world.see("u:ann a:1 e:ann@acme.com")
    async with world.database.transaction(world.workspace_id) as connection:
        (survivor,) = await lock(connection, world.workspace_id, [loser])
        nodes = await nodes_of(connection, world.workspace_id, survivor, world.kinds)
        with pytest.raises(NotFound):
            await lock(connection, world.workspace_id, [ProfileId(4711)])
    assert [identifier.kind for _, identifier in nodes] == ["user_id", "email", "anonymous_id"]
    assert survivor == await world.profile("a:1")


async def test_workspaces_do_not_share_people(world: World, database: Database) -> None:
    """The same identifiers elsewhere are somebody else."""
    other = World(database, await make_workspace(database, "Globex"))
    await world.see("u:ann a:1")
    await other.see("u:ann")
    assert await other.people() == {frozenset({"user_id:ann"})}
    assert await world.people() == {frozenset({"user_id:ann", "anonymous_id:1"})}


names = st.sampled_from(["u:1", "u:2", "e:1@acme.com", "e:2@acme.com", "a:1", "a:2", "a:3", "d:1", "d:2"])
sights = st.lists(st.lists(names, min_size=1, max_size=3, unique=True).map(" ".join), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sights, st.lists(st.integers(1, 4), min_size=12, max_size=12))
async def test_batching_does_not_matter(database: Database, texts: list[str], sizes: list[int]) -> None:
    """One flush or many: the same people, the same links with the same counts."""
    whole, cut = [World(database, await make_workspace(database, _fresh())) for _ in range(2)]
    await whole.see(*texts)
    rest = list(texts)
    for size in sizes:
        if rest:
            await cut.see(*rest[:size])
            rest = rest[size:]
    await cut.see(*rest)
    assert await whole.people() == await cut.people()
    for state in ("ACCEPTED", "REFUSED"):
        assert _told(await whole.links(state)) == _told(await cut.links(state))


def _told(links: list[dict[str, object]]) -> set[tuple[frozenset[object], object, object]]:
    return {(frozenset({link["one"], link["other"]}), link["rule"], link["times"]) for link in links}


_numbers = iter(range(1_000_000))


def _fresh() -> str:
    return f"world {next(_numbers)}"


def test_the_strongest_identifier_is_a_value_like_any_other() -> None:
    """The kinds of the core, in the order of their strength."""
    kinds = make_kinds()
    assert sorted(kinds, key=lambda name: kinds[name].priority) == [
        *("user_id", "email", "phone", "device_id", "anonymous_id")
    ]
    assert Identifier("user_id", "1") == one("u:1")


async def test_a_flush_takes_few_statements_however_many_events_it_has(world: World) -> None:
    """Two where everything is known; new people, a merge and a refusal at once take five and a savepoint."""
    known = [f"u:{number} a:{number}" for number in range(50)]
    await world.see(*known, "a:alone", "u:alone")
    assert await _statements(world, *known * 4) == ["find_nodes", "note_links"]
    news = [f"u:{number} a:new-{number}" for number in range(50)]
    assert await _statements(world, *news, "u:alone a:alone", "u:1 a:2") == [
        *(
            "find_nodes",
            "load_holdings",
            "SAVEPOINT",
            "bear_nodes",
            "RELEASE",
            "merge_profiles",
            "note_links",
        ),
    ]


async def _statements(world: World, *texts: str) -> list[str]:
    asked: list[str] = []
    async with world.database.transaction(world.workspace_id) as connection:
        with connection.query_logger(
            lambda record: asked.append(record.query.removeprefix("-- ").split()[0])
        ):
            resolution = await resolve(
                connection, world.workspace_id, [world.event(text) for text in texts], world.kinds, NOW
            )
        await begin(connection, world.workspace_id, resolution.born, NOW)
    return asked
