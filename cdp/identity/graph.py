"""Pure decisions on the identity graph: no database, no clock.

Vertices are identifiers, a profile is a connected component. Decisions are made in the order of arrival; where nothing
is refused, any order gives the same components. What was refused once stays refused however the components grow, and
what was joined stays joined, so a sighting that is repeated needs no second decision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from cdp.identity.anchors import Anchors, is_known
from cdp.identity.kinds import MOST_IDENTIFIERS, Kinds, kind_of
from cdp.model import Identifier, LinkVeto, ProfileId

SEEN_TOGETHER = "seen_together"
"""Rule of links between identifiers that one event carried."""
ALIAS = "alias"
"""Rule of links that an alias call asked for."""
MANUAL = "manual"
"""Rule of links that a person made by merging two profiles."""
SPLIT_KEPT = "split_kept"
"""Rule of links that hold one side of a split together where the evidence left with the other side."""
PAGE = "page"
"""Rule of links for which there is the word of web pages alone, which anybody can send in their place."""
UNPROVEN = "unproven"
"""Rule by which two known people are not joined on such a word."""

_NO_VETOES: Mapping[int, Sequence[LinkVeto]] = MappingProxyType({})
_NO_PROOFS: Mapping[int, Collection[Identifier]] = MappingProxyType({})


class Refusal(Struct, frozen=True, kw_only=True):
    """Why two components were not joined."""

    rule: str
    """`cut`, `unique`, `limit`, `unproven` or `veto`."""
    reason: str
    """A sentence for a person."""
    by: str | None = None
    """The plugin whose veto it is."""


class Link(Struct, kw_only=True):
    """What was decided about one pair of identifiers, the stronger first."""

    pair: tuple[Identifier, Identifier]
    refusal: Refusal | None
    """None: accepted."""
    sightings: list[int]
    """Indexes of the sightings that say so, in the order of arrival; the first that proves it in front."""
    proven: bool = True
    """Whether one of them is more than the word of a page."""


class Decision(Struct, frozen=True, kw_only=True):
    """What becomes of the graph. Components are profile ids, or negative numbers for those that are new."""

    links: list[Link]
    component_of: dict[Identifier, int]
    """Of every identifier sighted, after all joins."""
    merged: dict[ProfileId, ProfileId]
    """Profile → the one that it goes into, never a chain. The oldest (the smallest id) survives."""


class _Components:
    """Union-find over component ids, with what each component holds and whom it was cut from."""

    def __init__(
        self,
        kinds: Kinds,
        holdings: Mapping[ProfileId, Mapping[str, int]],
        cuts: Iterable[tuple[ProfileId, ProfileId]],
    ) -> None:
        self._kinds = kinds
        self._parent: dict[int, int] = {}
        self._holdings: dict[int, dict[str, int]] = {one: dict(held) for one, held in holdings.items()}
        self._cut_from: dict[int, set[int]] = {}
        self._born = 0
        self._fresh: set[int] = set()
        self.brought: set[int] = set()
        for one, other in cuts:
            self._cut_from.setdefault(one, set()).add(other)
            self._cut_from.setdefault(other, set()).add(one)

    def born(self, kind: str) -> int:
        """A new component of one identifier."""
        self._born -= 1
        self._holdings[self._born] = {kind: 1}
        self._fresh.add(self._born)
        return self._born

    def next_sighting(self) -> None:
        """What was born until now was seen before."""
        self._fresh.clear()

    def is_known(self, component: int) -> bool:
        """Whether more than a device was known of a root before this sighting: something that names the person."""
        return component not in self._fresh and is_known(self._holdings.get(component))

    def find(self, component: int) -> int:
        while (parent := self._parent.get(component)) is not None:
            component = parent
        return component

    def bring(self, devices: Iterable[int]) -> None:
        """Note that a page has brought these, of which nothing but devices was known, to where they are."""
        self.brought.update(devices)

    def was_brought(self, component: int) -> bool:
        """Whether a page has brought it to where it is, in this flush, or what it was joined to before."""
        while component not in self.brought:
            above = self._parent.get(component)
            if above is None:
                return False
            component = above
        return True

    def join(self, one: int, other: int, doubt: Refusal | None = None) -> Refusal | None:
        """Join two different roots, or say why not: `doubt`, where nothing else speaks against it."""
        if refusal := self._refusal(one, other) or doubt:
            return refusal
        winner, loser = sorted((one, other), key=_age)
        self._parent[loser] = winner
        if loser not in self._fresh:
            self._fresh.discard(winner)
        held = self._holdings.setdefault(winner, {})
        for kind, count in self._holdings.pop(loser, {}).items():
            held[kind] = held.get(kind, 0) + count
        for stranger in self._cut_from.pop(loser, ()):
            self._cut_from[stranger].discard(loser)
            self._cut_from[stranger].add(winner)
            self._cut_from.setdefault(winner, set()).add(stranger)
        return None

    def merged(self) -> dict[ProfileId, ProfileId]:
        return {ProfileId(one): ProfileId(self.find(one)) for one in self._parent if one > 0}

    def _refusal(self, one: int, other: int) -> Refusal | None:
        if other in self._cut_from.get(one, ()):
            return Refusal(
                rule="cut", reason="A person separated these two; only a person can join them again."
            )
        mine, theirs = self._holdings.get(one, {}), self._holdings.get(other, {})
        for name in sorted(
            mine.keys() & theirs.keys(), key=lambda name: (kind_of(self._kinds, name).priority, name)
        ):
            kind, together = kind_of(self._kinds, name), mine[name] + theirs[name]
            if kind.unique:
                return Refusal(
                    rule="unique",
                    reason=f"Each side has its own {name}, and two are never one person's: "
                    "they may be two people on one device.",
                )
            if together > kind.limit:
                return Refusal(
                    rule="limit",
                    reason=f"Together they would have {together:,} values of {name}, more than {kind.limit:,}.",
                )
        together = sum(mine.values()) + sum(theirs.values())
        if together > MOST_IDENTIFIERS:
            return Refusal(
                rule="limit",
                reason=f"Together they would have {together:,} identifiers, more than {MOST_IDENTIFIERS:,}.",
            )
        return None


def decide(
    sightings: Sequence[Sequence[Identifier]],
    *,
    kinds: Kinds,
    home: Mapping[Identifier, ProfileId],
    holdings: Mapping[ProfileId, Mapping[str, int]],
    cuts: Iterable[tuple[ProfileId, ProfileId]] = (),
    vetoes: Mapping[int, Sequence[LinkVeto]] = _NO_VETOES,
    proofs: Mapping[int, Collection[Identifier]] = _NO_PROOFS,
    resting: Collection[Identifier] = (),
) -> Decision:
    """Link what was sighted together, as a star from each sighting's strongest identifier.

    Where that one is not linked to another by a veto, the next strongest that may be is in its place.

    Args:
        sightings: sets of identifiers in the order of arrival, each strongest first and without duplicates.
        kinds: how many values of a kind one profile may hold.
        home: the profile of every identifier that is known already.
        holdings: per profile how many identifiers of each kind it holds. It may lack profiles that no sighting could
            join to anything.
        cuts: pairs of profiles that a person separated.
        vetoes: by index of the sighting, pairs of its identifiers that are not linked.
        proofs: by index of the sighting, for those that pages sent: which of its identifiers were proven to be one
            person's. The word of all others is believed.
        resting: of the devices that `pivots` found, those that are tied to somebody by no more than pages' word.
    """
    components = _Components(kinds, holdings, cuts)
    anchors = Anchors(resting)
    component_of: dict[Identifier, int] = {}
    links: dict[tuple[Identifier, Identifier], Link] = {}
    unproven: dict[tuple[Identifier, Identifier], Link] = {}
    for index, sighting in enumerate(sightings):
        components.next_sighting()
        proof = proofs.get(index)
        for identifier in sighting:
            if identifier not in component_of:
                known = home.get(identifier)
                component_of[identifier] = components.born(identifier.kind) if known is None else known
        for pair, veto in _star(sighting) if index not in vetoes else _parted(sighting, vetoes[index]):
            strongest, other = pair
            if veto is not None:
                links.setdefault(pair, Link(pair=pair, refusal=veto, sightings=[])).sightings.append(index)
                continue
            proven = proof is None or (strongest in proof and other in proof)
            if (link := links.get(pair)) is not None:
                if proven and not link.proven and link.refusal is None:
                    link.proven = True
                    link.sightings.insert(0, index)
                    anchors.tie(pair)
                else:
                    link.sightings.append(index)
                continue
            one, two = components.find(component_of[strongest]), components.find(component_of[other])
            refusal = None if one == two else _meet(components, anchors, pair, component_of, proven=proven)
            if refusal is not None and refusal.rule == UNPROVEN:
                # Not for good: the next to say so may have proof.
                link = unproven.setdefault(pair, Link(pair=pair, refusal=refusal, sightings=[]))
                link.sightings.append(index)
                continue
            links[pair] = Link(pair=pair, refusal=refusal, sightings=[index], proven=proven)
            if refusal is None and proven:
                anchors.tie(pair)
    return Decision(
        links=[*links.values(), *unproven.values()],
        component_of={identifier: components.find(one) for identifier, one in component_of.items()},
        merged=components.merged(),
    )


def _meet(
    components: _Components,
    anchors: Anchors,
    pair: tuple[Identifier, Identifier],
    component_of: Mapping[Identifier, int],
    *,
    proven: bool,
) -> Refusal | None:
    """Join the components of two identifiers, or say why not."""
    one, two = (components.find(component_of[end]) for end in pair)
    if proven and not components.brought and not anchors.resting:
        return components.join(one, two)  # as ever where no page has anything to do with it
    known = [components.is_known(root) for root in (one, two)]
    brought = {end for end in pair if components.was_brought(component_of[end])}
    reason = anchors.doubt(pair, brought, proven=proven)
    doubt = Refusal(rule=UNPROVEN, reason=reason) if reason is not None and all(known) else None
    refusal = components.join(one, two, doubt)
    if refusal is None and reason is not None:
        components.bring(root for root, is_somebody in zip((one, two), known, strict=True) if not is_somebody)
    return refusal


def _star(sighting: Sequence[Identifier]) -> Iterator[tuple[tuple[Identifier, Identifier], None]]:
    strongest = sighting[0]
    for other in sighting[1:]:
        yield (strongest, other), None


def _parted(
    sighting: Sequence[Identifier], vetoes: Sequence[LinkVeto]
) -> Iterator[tuple[tuple[Identifier, Identifier], Refusal | None]]:
    """The pairs to link, and those that a veto keeps from it."""
    against = {(veto.one, veto.other): veto for veto in vetoes}
    hubs = [sighting[0]]
    for other in sighting[1:]:
        for hub in hubs:
            veto = against.get((hub, other)) or against.get((other, hub))
            if veto is None:
                yield (hub, other), None
                break
            yield (hub, other), Refusal(rule="veto", reason=veto.reason, by=veto.by)
        else:
            hubs.append(other)


def undecided(
    sightings: Iterable[Sequence[Identifier]], home: Mapping[Identifier, ProfileId]
) -> set[ProfileId]:
    """The profiles that some sighting may join to another or give an identifier: `decide` needs their holdings."""
    profiles: set[ProfileId] = set()
    for sighting in sightings:
        homes = {home.get(identifier) for identifier in sighting}
        if len(homes) > 1:
            profiles.update(one for one in homes if one is not None)
    return profiles


def _age(component: int) -> tuple[bool, int]:
    """Profiles before new components, each in the order in which they were born."""
    return component < 0, abs(component)
