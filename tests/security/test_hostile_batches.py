"""What anybody can do who reads the publishable key out of a page."""

from __future__ import annotations

import gzip
import json
from hashlib import sha256
from typing import Any

import asyncpg
import pytest

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
