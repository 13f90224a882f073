"""The chain shows what was changed, moved, added or taken out, by whomever."""

from __future__ import annotations

import json
from collections.abc import Iterator

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp import audit
from cdp.access.principals import operator
from cdp.audit.chain import canonical, digest
from cdp.audit.reading import head, verify
from cdp.audit.verifying import Anchor, Chained, Verification, read_anchor, read_line
from cdp.db.pool import Database
from cdp.errors import BadInput
from cdp.model import WorkspaceId


def chain(acts: list[str], workspace: int = 1) -> list[Chained]:
    """A chain as it is exported."""
    made, previous = [], ""
    for sequence, act in enumerate(acts, start=1):
        text = canonical({"act": act, "sequence": sequence, "workspace": workspace}).encode()
        hashed = digest(bytes.fromhex(previous), text).hex()
        made.append(Chained(msgspec.Raw(text), previous, hashed))
        previous = hashed
    return made


def flaws(entries: list[Chained], *anchors: Anchor) -> list[str]:
    verification = Verification(anchors)
    for one in entries:
        verification.take(one)
    verification.end()
    return [str(flaw) for flaw in verification.flaws]


FIVE = chain(["a", "b", "c", "d", "e"])
HEAD = Anchor(5, FIVE[-1].hash)


def test_a_chain_that_nobody_touched_is_whole() -> None:
    assert flaws(FIVE, HEAD, Anchor(2, FIVE[1].hash)) == []
    assert flaws([]) == []


def test_what_was_cut_off_shows_by_an_anchor() -> None:
    """Nothing within the chain says how long it was."""
    assert flaws(FIVE[:3]) == []
    assert flaws(FIVE[:3], HEAD) == ["entry 5: it was noted, and is missing"]


def test_a_chain_that_was_written_anew_shows_by_an_anchor() -> None:
    anew = chain(["a", "b", "X", "d", "e"])
    assert flaws(anew) == []
    assert flaws(anew, HEAD) == ["entry 5: it is another one than was noted"]


def forged(one: Chained, **changed: object) -> Chained:
    text = canonical({**json.loads(bytes(one.entry)), **changed}).encode()
    return Chained(msgspec.Raw(text), one.previous, digest(bytes.fromhex(one.previous), text).hex())


def meddled() -> Iterator[tuple[str, list[Chained], list[str]]]:
    text = bytes(FIVE[2].entry).replace(b'"c"', b'"x"')
    changed = Chained(msgspec.Raw(text), FIVE[2].previous, FIVE[2].hash)
    yield "changed", [*FIVE[:2], changed, *FIVE[3:]], ["entry 3: it is not what was written"]
    yield (
        "changed with its hash",
        [*FIVE[:2], forged(FIVE[2], act="x"), *FIVE[3:]],
        ["entry 4: it was not written after this entry 3"],
    )
    yield (
        "taken out",
        [*FIVE[:2], *FIVE[3:]],
        ["entry 4: it follows 2: those between are missing, or moved"],
    )
    yield "beheaded", FIVE[1:], ["entry 2: those before it are missing"]
    yield (
        "swapped",
        [FIVE[0], FIVE[2], FIVE[1], *FIVE[3:]],
        [
            "entry 3: it follows 1: those between are missing, or moved",
            "entry 2: it follows 3: those between are missing, or moved",
            "entry 4: it follows 2: those between are missing, or moved",
        ],
    )
    yield (
        "of another workspace",
        [*FIVE[:4], forged(FIVE[4], workspace=2)],
        ["entry 5: it is another workspace's"],
    )
    yield (
        "twice",
        [*FIVE, FIVE[4]],
        ["entry 5: it follows 5: those between are missing, or moved"],
    )


@pytest.mark.parametrize(
    ("what", "entries", "said"), list(meddled()), ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_chain_that_was_meddled_with_says_where(what: str, entries: list[Chained], said: list[str]) -> None:
    assert flaws(entries) == said, what


@given(st.integers(0, 4), st.integers(0, 10_000), st.integers(0, 7))
def test_no_bit_of_an_entry_can_change_unseen(which: int, at: int, bit: int) -> None:
    text = bytearray(bytes(FIVE[which].entry))
    text[at % len(text)] ^= 1 << bit
    line = msgspec.json.encode(FIVE[which]).replace(bytes(FIVE[which].entry), bytes(text))
    try:
        changed = read_line(line, 1)
    except BadInput:
        return
    assert flaws([*FIVE[:which], changed, *FIVE[which + 1 :]]) != []


def test_anchors_are_read_as_they_are_printed() -> None:
    assert read_anchor(f" {str(HEAD).upper()}\n") == HEAD
    for wrong in ("", "5", f"0:{HEAD.hash}", f"5:{HEAD.hash[1:]}", f"x{HEAD}"):
        with pytest.raises(BadInput, match="is no anchor"):
            read_anchor(wrong)


async def test_the_database_s_own_chain_is_verified_entry_by_entry(
    database: Database, workspace: WorkspaceId, superuser: asyncpg.Connection
) -> None:
    """Also what a superuser does who first takes the triggers away."""
    async with database.transaction(workspace) as connection:
        for number in range(4):
            await audit.record(
                connection, operator(workspace), "keyCreate", f"é{number}", {"number": number / 3}
            )
        noted = await head(connection, workspace)
    whole = await verify(database, workspace, [noted] if noted else [])
    assert (whole.count, whole.flaws, whole.head) == (4, [], noted)
    await superuser.execute(
        "ALTER TABLE audit_entry DISABLE TRIGGER USER;"
        "UPDATE audit_entry SET name = 'nobody' WHERE sequence = 2; DELETE FROM audit_entry WHERE sequence = 4"
    )
    meddled_with = await verify(database, workspace, [noted] if noted else [])
    assert [str(flaw) for flaw in meddled_with.flaws] == [
        "entry 2: it is not what was written",
        "entry 4: it was noted, and is missing",
    ]
