"""Work in the background gives way to events, and is done all the same."""

from __future__ import annotations

import asyncio

from cdp.settle import giving_way
from cdp.settle.giving_way import GivingWay


class Room:
    """A clock that goes on by as much as is worked and waited."""

    def __init__(self) -> None:
        self.now = 100.0
        self.giving_way = GivingWay(monotonic=lambda: self.now, pause=self._pause)

    async def _pause(self, seconds: float, _stop: asyncio.Event) -> None:
        self.now += seconds

    async def work(self, kind: str, seconds: float, *, late: bool = False) -> float:
        """Do a piece; the answer is for how long it was put off."""
        asked = self.now
        async with self.giving_way.piece(kind, asyncio.Event(), late=late):
            waited = self.now - asked
            self.now += seconds
        return waited

    async def do_many(self, kind: str, most: int, *, each: float, busy: bool) -> int:
        """Do as many things as fit into a piece; how many those are."""
        async with self.giving_way.piece(kind, asyncio.Event()) as piece:
            if busy:
                self.giving_way.notice()
            piece.number = self.giving_way.fitting(kind, most)
            self.now += each * piece.number
        return piece.number


async def test_nobody_waits_while_nothing_comes() -> None:
    room = Room()
    assert [await room.work("settling", 0.05) for _ in range(3)] == [0, 0, 0]


async def test_while_events_come_pieces_of_all_kinds_share_a_tenth_of_the_time() -> None:
    room = Room()
    began, worked = room.now, 0.0
    for number in range(60):
        room.giving_way.notice()
        await room.work("settling" if number % 2 else "telling", 0.02)
        worked += 0.02
    assert 0.08 < worked / (room.now - began) < 0.13


async def test_what_is_late_takes_more_of_it() -> None:
    room = Room()
    began = room.now
    for _ in range(60):
        room.giving_way.notice()
        await room.work("settling", 0.02, late=True)
    assert 0.2 < 60 * 0.02 / (room.now - began) < 0.3


async def test_a_plugin_that_is_waited_for_puts_nobody_off_for_long() -> None:
    room = Room()
    room.giving_way.notice()
    await room.work("telling", 60.0)
    room.giving_way.notice()
    assert await room.work("telling", 0.01) <= giving_way.LONGEST_WAIT
    room.giving_way.notice()
    assert await room.work("settling", 0.01) <= giving_way.LONGEST_WAIT


async def test_while_events_come_pieces_are_short_and_otherwise_as_large_as_they_may_be() -> None:
    room = Room()
    assert await room.do_many("settling", 200, each=0.002, busy=False) == 200
    done = [await room.do_many("settling", 200, each=0.002, busy=True) for _ in range(5)]
    assert done == [round(giving_way.SHORT / 0.002)] * 5
    done = [await room.do_many("settling", 200, each=0.1, busy=True) for _ in range(30)]
    assert done[-1] == giving_way.FEWEST
    room.now += 10
    assert await room.do_many("settling", 200, each=0.1, busy=False) == 200
