"""What anybody can do who reads the publishable key out of a page."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from cdp.identity.kinds import MOST_IDENTIFIERS
from cdp.web import middleware
from tests.security.conftest import Side, track

REFUSED = "{ refusedEvents { totalCount } }"
REPLAY = 'mutation { eventsReplay(input: { code: "REJECTED" }) { replayed refused } }'


async def test_replaying_what_the_database_refuses_again_keeps_it_once(
    ours: Side, owner: asyncpg.Connection
) -> None:
    """Every replay used to keep each of them a second time, without end."""
    await owner.execute("ALTER TABLE event ADD CONSTRAINT no_poison CHECK (name <> 'Poison')")
    await ours.send([track("u", "Poison"), track("u", "Poison")])
    for _ in range(3):
        assert await ours.data(REPLAY) == {"eventsReplay": {"replayed": 0, "refused": 2}}
    assert await ours.data(REFUSED) == {"refusedEvents": {"totalCount": 2}}
    await owner.execute("ALTER TABLE event DROP CONSTRAINT no_poison")
    assert await ours.data(REPLAY) == {"eventsReplay": {"replayed": 2, "refused": 0}}


@pytest.mark.parametrize("item", [{"type": "nonsense"}, track("u", "Signed In")], ids=["refused", "stored"])
async def test_a_small_body_does_not_become_a_large_one(ours: Side, item: dict[str, Any]) -> None:
    """A batch's context goes into each of its events: half a kilobyte of gzip used to fill a gigabyte of disk."""
    body = gzip.compress(json.dumps({"context": {"a": "x" * 30_000}, "batch": [item] * 1_000}).encode())
    assert len(body) < 2_000
    answer = await ours.send(body)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
    assert await ours.data(REFUSED) == {"refusedEvents": {"totalCount": 0}}


async def test_a_context_may_be_no_larger_than_an_event(ours: Side) -> None:
    answer = await ours.send(
        json.dumps({"context": {"a": "x" * 40_000}, "batch": [track("u", "A")]}).encode()
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_feature_named_by_thousands_of_digits_is_stored(ours: Side) -> None:
    """It used to be more than an index holds; seventeen of these failed everybody's batches."""
    # Nothing that the index could compress.
    digits = "".join(str(int(sha256(str(number).encode()).hexdigest(), 16)) for number in range(50))
    assert 3_000 < len(digits) < 4_000
    bodies = [
        f'{{"type": "track", "userId": "u", "event": "Feature Used", "properties": {{"feature": {at}{digits}}}}}'
        for at in range(10, 40)
    ]
    answer = await ours.send(f'{{"batch": [{",".join(bodies)}]}}'.encode())
    assert answer.json() == {"success": True, "accepted": 30, "refused": []}


@pytest.mark.parametrize("path", ["/v1/batch", "/graphql"])
async def test_a_body_that_never_ends_is_given_up(ours: Side, path: str) -> None:
    """A byte now and then would hold the request, and what it has sent so far, for ever."""

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"batch": ['
        await asyncio.Event().wait()

    headers = {"Authorization": f"Bearer {ours.keys['ADMIN']}", "Content-Type": "application/json"}
    with patch.object(middleware, "BODY_SECONDS", 0.01):
        answer = await ours.client.post(path, content=slowly(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (408, "TOO_SLOW")


async def test_a_person_of_endless_traits_and_identifiers_stays_of_a_size(
    ours: Side, superuser: asyncpg.Connection
) -> None:
    """With every event a profile is written whole, so that whoever can make it grow makes everybody wait."""
    await ours.tell(
        *(
            {"type": "identify", "userId": "u", "traits": {f"{batch}-{at}": 1 for at in range(900)}}
            for batch in range(3)
        )
    )
    kinds = [[{"type": f"kind{batch}x{at}", "id": f"id{batch}x{at}", "collection": "users"} for at in range(100)]
             for batch in range(25)]  # fmt: skip
    await ours.tell(*(track("u", "Signed In", context={"externalIds": external}) for external in kinds))
    found = await ours.data('{ profile(identifier: { kind: "user_id", value: "u" }) { traits } }')
    assert len(found["profile"]["traits"]) == 1_000
    held = await superuser.fetchval(
        "SELECT count(*) FROM node GROUP BY profile_id ORDER BY count(*) DESC LIMIT 1"
    )
    assert held == MOST_IDENTIFIERS
    rules = await superuser.fetch("SELECT DISTINCT rule FROM link WHERE state = 'REFUSED'")
    assert [rule for (rule,) in rules] == ["limit"]
