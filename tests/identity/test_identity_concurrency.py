from __future__ import annotations

import asyncio
import random

from cdp.identity.merge import merge
from cdp.identity.split import split
from cdp.identity.store import RETRYABLE
from tests.identity.people import NOW, World, ids


async def insist(world: World, texts: list[str]) -> int:
    """One flush, done again whole as long as PostgreSQL says that this may help; how often that was."""
    for attempt in range(20):
        try:
            await world.see(*texts)
        except RETRYABLE:
            continue
        return attempt
    raise AssertionError("the deadlocks never ended")


async def test_parallel_flushes_of_the_same_identifiers_end_with_one_person(world: World) -> None:
    """In whatever order each of them names them; every link is counted as often as it was seen."""
    chain = [f"a:{number} a:{number + 1}" for number in range(12)]
    flushes = []
    for seed in range(12):
        shuffled = list(chain)
        random.Random(seed).shuffle(shuffled)
        flushes.append(shuffled)
    await asyncio.gather(*(insist(world, flush) for flush in flushes))
    (profile,) = await world.profiles()
    assert set((await world.aliases()).values()) <= {profile}
    assert {link["times"] for link in await world.links("ACCEPTED")} == {12}


async def test_parallel_flushes_that_join_known_people_end_with_one_person(world: World) -> None:
    """Merges run into each other from all sides."""
    for number in range(10):
        await world.see(f"d:{number}")
    pairs = [f"d:{one} d:{other}" for one in range(10) for other in range(one)]
    random.Random(7).shuffle(pairs)
    await asyncio.gather(*(insist(world, pairs[start::8]) for start in range(8)))
    (profile,) = await world.profiles()
    aliases = await world.aliases()
    assert len(aliases) == 9
    assert set(aliases.values()) == {profile}


async def test_parallel_sign_ins_on_one_device_give_it_to_exactly_one(world: World) -> None:
    """The guard holds between transactions as within one."""
    await asyncio.gather(*(insist(world, [f"u:{number} a:kiosk"]) for number in range(8)))
    people = await world.people()
    assert len(people) == 8
    assert sum("anonymous_id:kiosk" in person for person in people) == 1
    assert sum(link["times"] for link in await world.links("REFUSED")) == 7


async def test_a_flush_that_waited_for_a_split_finds_its_identifiers_where_they_went(world: World) -> None:
    """Facts that arrive during a split go to the side that their identifier is on after it."""
    await world.see("u:ann a:tablet")
    profile = await world.profile("u:ann")
    async with world.database.connection(world.workspace_id) as connection:
        transaction = connection.transaction()
        await transaction.start()
        _, separated = await split(
            connection,
            world.workspace_id,
            profile,
            ids("a:tablet"),
            by="Ann",
            reason=None,
            now=NOW,
            kinds=world.kinds,
        )
        waiting = asyncio.create_task(world.see("a:tablet d:new"))
        await until_somebody_waits(world)
        await transaction.commit()
    resolution = await waiting
    assert resolution.touched == {separated}
    assert (await world.profiles())[separated] == {"anonymous_id:tablet", "device_id:new"}


async def test_a_flush_that_waited_for_a_merge_goes_to_the_survivor(world: World) -> None:
    """The profile that it found first is gone by the time it gets the lock."""
    await world.see("u:ann")
    await world.see("u:anna")
    ann, anna = await world.profile("u:ann"), await world.profile("u:anna")
    async with world.database.connection(world.workspace_id) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await merge(
            connection, world.workspace_id, ann, anna, by="Ann", reason=None, now=NOW, kinds=world.kinds
        )
        waiting = asyncio.create_task(world.see("u:anna"))
        await until_somebody_waits(world)
        await transaction.commit()
    assert (await waiting).touched == {ann}


async def until_somebody_waits(world: World) -> None:
    """The other transaction is there as soon as one lock is not granted; asked until then, without a pause."""
    waits = False
    while not waits:
        waits = bool(await world.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND $1::bigint IS NOT NULL"))
