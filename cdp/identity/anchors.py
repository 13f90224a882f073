"""What ties a device to somebody: more than what web pages say, which anybody can say in their place? Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from cdp.identity.kinds import WEAK, Kinds, kind_of
from cdp.model import Identifier, ProfileId


class Anchors:
    """Which devices are tied to somebody by more than the word of pages; looked at where two known people meet."""

    def __init__(self, resting: Collection[Identifier]) -> None:
        self.resting = resting
        self._ties: dict[Identifier, list[Identifier]] = {}

    def tie(self, pair: tuple[Identifier, Identifier]) -> None:
        """Note a link that is proven."""
        one, other = pair
        if one.kind in WEAK or other.kind in WEAK:
            self._ties.setdefault(one, []).append(other)
            self._ties.setdefault(other, []).append(one)

    def doubt(
        self, pair: tuple[Identifier, Identifier], brought: Collection[Identifier], *, proven: bool
    ) -> str | None:
        """Why a link of two known people is not enough to join them; None: it is.

        Args:
            pair: its ends.
            brought: those of them that a page has brought to where they are just now.
            proven: whether it is more than the word of a page.
        """
        if not proven:
            return "A web page says so without proof; two known people are not joined on that."
        for end in pair:
            if end.kind in WEAK and (end in brought or end in self.resting) and not self._holds(end):
                return f"The {end.kind} came to one of them by the word of a web page, without proof."
        return None

    def _holds(self, device: Identifier) -> bool:
        seen, waiting = {device}, [device]
        while waiting:
            one = waiting.pop()
            if one.kind not in WEAK:
                return True
            new = [other for other in self._ties.get(one, ()) if other not in seen]
            seen.update(new)
            waiting += new
        return False


def pivots(
    sightings: Iterable[Sequence[Identifier]],
    *,
    kinds: Kinds,
    home: Mapping[Identifier, ProfileId],
    holdings: Mapping[ProfileId, Mapping[str, int]],
) -> set[Identifier]:
    """Devices of known people that a sighting may join to another known one: what ties them there matters."""
    found: set[Identifier] = set()
    for sighting in sightings:
        homes = {
            one
            for identifier in sighting
            if (one := home.get(identifier)) is not None and is_known(holdings.get(one))
        }
        if len(homes) < 2 or _apart(kinds, [holdings[one] for one in homes]):
            continue
        found.update(one for one in sighting if one.kind in WEAK and home.get(one) in homes)
    return found


def is_known(held: Mapping[str, int] | None) -> bool:
    """Whether more than devices is known of somebody who holds so many identifiers of each kind."""
    return held is not None and not held.keys() <= WEAK


def _apart(kinds: Kinds, held: Sequence[Mapping[str, int]]) -> bool:
    """Whether no two of these can be joined, because each has an identifier of which a person has but one."""
    return any(kind_of(kinds, name).unique and all(name in one for one in held[1:]) for name in held[0])
