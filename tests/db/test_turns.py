"""Connections are shared fairly, whoever asks for how many."""

from __future__ import annotations

import asyncio

import pytest

from cdp.db.turns import Turns
from cdp.errors import Unavailable

LONG = 60.0


async def line_up(turns: Turns, names: str, order: list[str]) -> list[asyncio.Task[None]]:
    """Everyone asks at once; `order` notes who has been served."""

    async def wait(name: str) -> None:
        await turns.take(name, LONG)
        order.append(name)

    waiting = [asyncio.create_task(wait(name)) for name in names]
    await asyncio.sleep(0)
    return waiting


async def test_who_asks_for_many_waits_behind_itself() -> None:
    turns, order = Turns(2), list[str]()
    waiting = await line_up(turns, "aaaaaabc", order)
    assert order == ["a", "a"]
    for whose in "aab":
        turns.give_back(whose)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert "".join(order) == "aabac"
    for whose in "caa":
        turns.give_back(whose)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert "".join(order) == "aabacaaa"
    await asyncio.gather(*waiting)


async def test_no_workspace_holds_all_connections_of_a_pool() -> None:
    turns, order = Turns(10), list[str]()
    many = await line_up(turns, "a" * 20, order)
    assert len(order) == 8
    await line_up(turns, "b", order)
    assert order[-1] == "b"
    for task in many:
        task.cancel()


async def test_who_has_waited_long_enough_is_told_so_and_its_turn_is_the_next_ones() -> None:
    turns, order = Turns(1), list[str]()
    await turns.take("a", LONG)
    with pytest.raises(Unavailable, match="busy"):
        await turns.take("b", 0.0)
    waiting = await line_up(turns, "bc", order)
    waiting[0].cancel()
    await asyncio.sleep(0)
    turns.give_back("a")
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == ["c"]


async def test_a_turn_that_comes_to_somebody_who_has_just_gone_is_not_lost() -> None:
    turns, order = Turns(1), list[str]()
    await turns.take("a", LONG)
    (waiting,) = await line_up(turns, "b", order)
    turns.give_back("a")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(turns.take("c", LONG), 10)


async def test_a_line_has_an_end() -> None:
    turns, order = Turns(1, waiting=3), list[str]()
    await turns.take("a", LONG)
    waiting = await line_up(turns, "aaa", order)
    with pytest.raises(Unavailable):
        await turns.take("a", LONG)
    await line_up(turns, "b", order)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await line_up(turns, "a", order)
    for whose in "aa":
        turns.give_back(whose)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert sorted(order) == ["a", "b"]
