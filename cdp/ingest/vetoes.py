"""Which pairs of identifiers are not to be linked, by rules and by plugins."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import structs

from cdp.identity.kinds import ANONYMOUS_ID, USER_ID
from cdp.identity.rules import RuleSet
from cdp.ingest.rounds import Round
from cdp.ingest.ways import Way
from cdp.model import Event, EventType, Identifier, LinkCandidate, LinkVeto

Pairing: TypeAlias = tuple[bool, tuple[Identifier, ...]]
"""Whether an event is an alias, and its identifiers: what says which pairs it may link."""


class Vetoes:
    """Which pairs of identifiers are not to be linked, by rules and by plugins."""

    def __init__(self, rules: RuleSet, cleared: set[Pairing], ways: Sequence[Way]) -> None:
        self._rules = rules
        self._cleared = cleared
        self._all = ways
        self._found: list[tuple[Way, tuple[LinkCandidate, ...]]] | None = None
        self._links: list[LinkCandidate] = []
        self._vetoes: dict[LinkCandidate, LinkVeto] = {}
        self._failed: set[LinkCandidate] = set()

    def round(self) -> Round[LinkCandidate, LinkCandidate]:
        """Asks about what no rule speaks against, each pair once."""

        def said(plugin: str, link: LinkCandidate, answer: str) -> None:
            self._vetoes[link] = LinkVeto(link.one, link.other, answer, plugin)

        def failed(_plugin: str, link: LinkCandidate) -> None:
            self._failed.add(link)

        return Round(left=self._left, item=_itself, said=said, failed=failed)

    def apply(self) -> None:
        """Note with each event what is not to be linked; what nobody has anything against is remembered."""
        if not self._rules and self._found is None:
            return  # nobody was asked
        for way, some in self._pairs():
            if found := tuple(self._vetoes[link] for link in some if link in self._vetoes):
                way.event = structs.replace(way.event, vetoes=found)
            elif not self._failed.intersection(some):
                self._cleared.add((_is_alias(way.event), way.event.identifiers))

    def _left(self) -> Sequence[LinkCandidate]:
        self._pairs()
        return [link for link in self._links if link not in self._vetoes]

    def _pairs(self) -> list[tuple[Way, tuple[LinkCandidate, ...]]]:
        """Events that may link something that is not known to be free; found once nothing else is to change."""
        if self._found is None:
            self._found = [
                (way, _pairs(way.event))
                for way in self._all
                if way.turned is None
                and len(way.event.identifiers) > 1
                and (_is_alias(way.event), way.event.identifiers) not in self._cleared
            ]
            self._links = list(dict.fromkeys(itertools.chain(*(some for _, some in self._found))))
            self._vetoes = {
                link: veto for link in self._links if (veto := self._rules.veto(link)) is not None
            }
        return self._found


def _itself(link: LinkCandidate) -> LinkCandidate:
    return link


def _is_alias(event: Event) -> bool:
    return event.type is EventType.ALIAS


def _pairs(event: Event) -> tuple[LinkCandidate, ...]:
    """The pairs of identifiers that an event may link, the stronger first."""
    identifiers = event.identifiers
    if len(identifiers) < 2:
        return ()
    if _is_alias(event):
        # A previous id is a user's where a user of that id is known; that is seen only later.
        identifiers += tuple(
            Identifier(USER_ID, one.value) for one in identifiers if one.kind == ANONYMOUS_ID
        )
    return tuple(
        LinkCandidate(one, other)
        for index, one in enumerate(identifiers)
        for other in identifiers[index + 1 :]
    )
