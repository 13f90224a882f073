"""A follower is not told that something happened which it may not see: not even by an answer that says the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any
from unittest.mock import patch

import pytest
from strawberry.types import ExecutionResult

from cdp.app import Application
from cdp.graphql.askers import Asker
from cdp.graphql.asking import Asked, Desk
from cdp.graphql.following import Following
from cdp.graphql.trusted import TrustedDocuments
from tests.security.conftest import Side
from tests.security.worlds import INTENT, PEOPLE, USAGE, at, inside, settle, works

__all__ = ["works"]

PATIENCE = 20.0

SEEN = """id createdAt firstSeenAt lastSeenAt productQualified identifiers { kind firstSeenAt }
  buyerIntent { score level asOf } usage { phase activeDays asOf }
  timeline(first: 3) { totalCount edges { cursor node { id name } } }
  memberships { nodes { influence since roles(ended: true) { role confidence since until source }
    heldRoles { role confidence sources }
    account { alignment alignmentFigures { people buyers activePeople } } } }"""


class Looks:
    """How often followers have looked whether there is anything new."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self._more = asyncio.Condition()

    async def of(self, follower: Following) -> None:
        async with self._more:
            self.counts[id(follower)] = self.counts.get(id(follower), 0) + 1
            self._more.notify_all()

    async def once_more(self, followers: int) -> None:
        """Wait until each has looked once more."""
        async with asyncio.timeout(PATIENCE), self._more:
            before = dict(self.counts)
            assert len(before) == followers
            await self._more.wait_for(lambda: all(self.counts[one] > before[one] for one in before))


@asynccontextmanager
async def looking() -> AsyncIterator[Looks]:
    looks, look = Looks(), Following.look

    async def counted(self: Following, now: Any) -> ExecutionResult | None:
        answer = await look(self, now)
        await looks.of(self)
        return answer

    with patch.object(Following, "look", counted):
        yield looks


@pytest.mark.parametrize(("role", "hidden"), [("SUPPORT", INTENT), ("SALES", USAGE)])
async def test_nothing_comes_for_what_is_hidden(
    works: Side, application: Application, role: str, hidden: list[dict[str, Any]]
) -> None:
    """Of a person, of an account and of the beginning of a list, which has an order of its own."""
    ids = await works.data(
        '{ profile(identifier: { kind: "user_id", value: "cid" }) { id } account(domain: "works.example") { id } }'
    )
    people = f"people {{ nodes {{ person {{ {SEEN} }} }} }}"
    documents = (
        f'subscription {{ profileChanged(id: "{ids["profile"]["id"]}") {{ {SEEN} }} }}',
        f'subscription {{ accountChanged(id: "{ids["account"]["id"]}") {{ alignment {people} }} }}',
        f"subscription {{ profilesChanged(first: {len(PEOPLE) - 1}) {{ totalCount nodes {{ {SEEN} }} }} }}",
    )
    desk = Desk(application, TrustedDocuments())
    async with looking() as looks, AsyncExitStack() as stack:
        followed = [
            await stack.enter_async_context(aclosing(desk.answers(Asked(query=one), Asker(works.keys[role]))))
            for one in documents
        ]
        for one in followed:
            assert (await anext(one)).data is not None
        answers = [asyncio.ensure_future(anext(one)) for one in followed]
        unseen, seen = (
            ("Pricing Viewed", "Signed In") if role == "SUPPORT" else ("Signed In", "Pricing Viewed")
        )
        for events in (hidden, at(19, [inside("cid", unseen)])):
            looked = asyncio.ensure_future(looks.once_more(len(documents)))
            await asyncio.sleep(0)
            await works.tell(*events)
            await settle(application)
            await looked
        assert [one.done() for one in answers] == [False] * len(answers)
        await works.tell(*at(19, [inside("cid", seen)]))
        for answer in answers:
            assert (await asyncio.wait_for(answer, PATIENCE)).data is not None
