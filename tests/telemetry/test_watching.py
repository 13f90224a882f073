"""Stages and counts reach whoever watches, and nobody else."""

from __future__ import annotations

import asyncio

import pytest

from cdp.telemetry import Watch, count, here, stage, took, watched_by


class Noted:
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.counts: list[tuple[str, tuple[str, ...], float]] = []

    def staged(self, name: str, seconds: float) -> None:
        assert seconds >= 0
        self.stages.append(name)

    def counted(self, name: str, labels: tuple[str, ...], by: float) -> None:
        self.counts.append((name, labels, by))


def test_what_happens_is_told_inside_out() -> None:
    noted = Noted()
    with watched_by(Watch(noted)):
        with stage("outer"), stage("inner"):
            count("seen", "a", "b")
        took("other", 0.5)
        count("many", by=3)
    assert noted.stages == ["inner", "outer", "other"]
    assert noted.counts == [("seen", ("a", "b"), 1), ("many", (), 3)]


def test_a_stage_that_fails_is_told_too() -> None:
    noted = Noted()
    with pytest.raises(KeyError), watched_by(Watch(noted)), stage("broken"):
        raise KeyError
    assert noted.stages == ["broken"]


def test_without_anybody_watching_nothing_happens() -> None:
    with stage("alone") as alone:
        alone.note(more=1)
        count("alone")
    assert here() is None


async def test_tasks_are_watched_by_who_watched_when_they_began() -> None:
    first, second = Noted(), Noted()

    async def work(name: str) -> None:
        with stage(name):
            await asyncio.sleep(0)

    with watched_by(Watch(first)):
        begun = asyncio.create_task(work("first"))
    with watched_by(Watch(second)):
        await work("second")
    await begun
    assert (first.stages, second.stages) == (["first"], ["second"])
