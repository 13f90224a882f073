"""Several processes take in events about the same people at once."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

from cdp.db.pool import Database
from cdp.ingest.results import Outcome
from cdp.model import EventType, Identifier, WorkspaceId
from tests.ingest.parts import event, open_ingest, stored_ids

BATCH = 25
PEOPLE = 8


async def test_parallel_batches_that_link_the_same_identifiers_end_with_one_profile_each(
    database: Database, workspace: WorkspaceId
) -> None:
    """Every event links two of a person's identifiers, in random order, in three processes; chains meet everywhere."""
    chance = random.Random(7)
    events = []
    for person in range(PEOPLE):
        names = [
            Identifier("user_id", f"u{person}"),
            *(Identifier("anonymous_id", f"a{person}-{n}") for n in range(20)),
        ]
        pairs = list(pairwise(names)) * 2
        events += [
            event(
                f"{person}-{number}", identifiers=tuple(sorted(pair, key=lambda one: one.kind != "user_id"))
            )
            for number, pair in enumerate(pairs)
        ]
    events += [
        event(f"group-{person}-{n}", f"u{person}", type=EventType.IDENTIFY, properties={"n": n})
        for person in range(PEOPLE)
        for n in range(5)
    ]
    chance.shuffle(events)
    batches = [events[start : start + BATCH] for start in range(0, len(events), BATCH)]
    async with (
        open_ingest(database) as first,
        open_ingest(database) as second,
        open_ingest(database) as third,
    ):
        processes = (first, second, third)
        results = await asyncio.gather(
            *(chance.choice(processes).accumulator.submit(workspace, batch) for batch in batches)
        )
    assert {result.outcome for batch in results for result in batch} == {Outcome.STORED}
    assert await stored_ids(database, workspace) == sorted(one.message_id for one in events)
    async with database.connection(workspace) as connection:
        rows = await connection.fetch(
            "SELECT array_agg(DISTINCT split_part(ltrim(value, 'ua'), '-', 1)) AS people, count(*) AS identifiers "
            "FROM node WHERE workspace_id = $1 GROUP BY profile_id",
            workspace,
        )
    assert sorted((row["people"], row["identifiers"]) for row in rows) == [
        ([str(person)], 21) for person in range(PEOPLE)
    ]
