"""Parting the events of a flush, so that its parts can be stored at once without waiting for each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cdp.identity.kinds import EMAIL
from cdp.model import AccountRef, Event, Identifier

_REMEMBERED = 100_000
"""Names of accounts that are remembered."""


class Names:
    """Names of accounts, group ids and domains, that have been stored before. A name that it forgot costs a wait."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def remember(self, events: Sequence[Event]) -> None:
        """Note that these events have been stored."""
        if len(self._known) > _REMEMBERED:
            self._known.clear()
        for event in events:
            if event.account is not None:
                self._known.add(_name(event.account))
            for one in event.identifiers:
                if one.kind == EMAIL:
                    self._known.add(_domain(one))


def apart(events: Sequence[Event], parts: int, known: Names) -> list[list[int]]:
    """Positions of the events by part, each in the order of arrival; parts that would be empty are left out.

    Events that have to do with each other stay together, by way of others too: who shares an identifier is decided
    about in the order of arrival, and whose profile one transaction holds the other would have to wait for. So do those
    that make or describe the same account.
    """
    groups: list[list[int]] = []
    group_of: dict[Identifier | str, int] = {}
    joined: list[int] = []
    for position, event in enumerate(events):
        mine = -1
        ties = list(_ties(event, known))
        for tie in ties:
            one = group_of.get(tie, -1)
            while one >= 0 and joined[one] != one:
                one = joined[one]
            if one < 0 or one == mine:
                continue
            if mine < 0:
                mine = one
            else:
                mine, other = (mine, one) if len(groups[mine]) >= len(groups[one]) else (one, mine)
                joined[other] = mine
                groups[mine] += groups[other]
                groups[other] = []
        if mine < 0:
            mine = len(groups)
            groups.append([])
            joined.append(mine)
        groups[mine].append(position)
        for tie in ties:
            group_of[tie] = mine
    return _balanced(groups, parts)


def _balanced(groups: Collection[list[int]], parts: int) -> list[list[int]]:
    whole: list[list[int]] = [[] for _ in range(parts)]
    for group in sorted(groups, key=len, reverse=True):
        min(whole, key=len).extend(group)
    return [sorted(part) for part in whole if part]


def _ties(event: Event, known: Names) -> Iterator[Identifier | str]:
    """What other events must not have in another part."""
    yield from event.identifiers
    account = event.account
    if account is not None and (account.member or _name(account) not in known):
        yield _name(account)
    for one in event.identifiers:
        if one.kind == EMAIL and (domain := _domain(one)) not in known:
            yield domain


def _name(account: AccountRef) -> str:
    return f"group {account.group_id}" if account.domain is None else f"domain {account.domain}"


def _domain(address: Identifier) -> str:
    return f"domain {address.value.rpartition('@')[2]}"
