"""Parting the events of a flush, so that its parts can be stored at once without waiting for each other: pure."""

from __future__ import annotations

from collections.abc import Sequence

from cdp.model import Event, Identifier


def apart(events: Sequence[Event], parts: int) -> list[list[int]]:
    """Positions of the events by part, each in the order of arrival; parts that would be empty are left out.

    Events that have to do with each other stay together, by way of others too: who shares an identifier is decided
    about in the order of arrival, and whose profile one transaction holds the other would have to wait for.
    """
    groups: list[list[int]] = []
    group_of: dict[Identifier, int] = {}
    joined: list[int] = []
    for position, event in enumerate(events):
        mine = -1
        for identifier in event.identifiers:
            known = group_of.get(identifier, -1)
            while known >= 0 and joined[known] != known:
                known = joined[known]
            if known < 0 or known == mine:
                continue
            if mine < 0:
                mine = known
            else:
                mine, other = (mine, known) if len(groups[mine]) >= len(groups[known]) else (known, mine)
                joined[other] = mine
                groups[mine] += groups[other]
                groups[other] = []
        if mine < 0:
            mine = len(groups)
            groups.append([])
            joined.append(mine)
        groups[mine].append(position)
        for identifier in event.identifiers:
            group_of[identifier] = mine
    whole: list[list[int]] = [[] for _ in range(parts)]
    for group in sorted(groups, key=len, reverse=True):
        if not group:
            break
        min(whole, key=len).extend(group)
    return [sorted(part) for part in whole if part]
