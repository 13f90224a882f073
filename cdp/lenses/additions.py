"""What a flush adds to the rows of profiles and memberships: pure.

The figures of a row are sums and extremes over the summaries of its nodes. A flush that moves no node and changes no
membership need not derive them anew: what it adds to the summaries is added to the row as well, however much lies
behind it. Names and purchases are not of that kind: where a flush concerns them, they are derived (`named`, `bought`).
What changes who is in which account has the whole profile derived (`anew`), unless nothing was known of it before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime

from msgspec import Struct, field

from cdp.lenses.summaries import Summaries, Tally
from cdp.model import AccountId, Measure, NodeId, ProfileId, Stage
from cdp.model.ids import NO_ACCOUNT

_STAGES = {stage.value: place for place, stage in enumerate(Stage)}


class Standing(Struct):
    """How the rows of a profile stand."""

    home: AccountId | None = None
    """The membership in which facts without an account count; None: they count for the profile alone."""
    accounts: set[AccountId] = field(default_factory=set)
    """In which it has a membership."""
    whole: bool = True
    """Whether they can be added to; False: they must be derived first."""


class Joined(Struct, frozen=True):
    """What says that somebody is in an account."""

    account_id: AccountId
    source: str
    since: datetime | None = None


class Addition(Struct):
    """What is added to a row; None adds nothing."""

    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    intent_units: int = 0
    intent_last_at: datetime | None = None
    stage_units: list[int | None] | None = None
    """By stage, in their order."""
    usage_first_at: datetime | None = None
    last_used_at: datetime | None = None
    activated_at: datetime | None = None
    used_days: set[date] = field(default_factory=set)
    feature_last: dict[str, datetime] = field(default_factory=dict)
    influence_units: int = 0
    bought: bool = False
    """Whether orders are among the facts."""

    def count(self, kind: str, key: str, tally: Tally) -> None:
        """Take in a tally of a node."""
        match kind:
            case "seen":
                self.first_seen_at = _earlier(self.first_seen_at, tally.first_at)
                self.last_seen_at = _later(self.last_seen_at, tally.last_at)
            case "signal":
                self.intent_units += tally.units
                self.intent_last_at = _later(self.intent_last_at, tally.last_at)
            case "stage":
                if self.stage_units is None:
                    self.stage_units = [None] * len(_STAGES)
                place = _STAGES[key]
                self.stage_units[place] = (self.stage_units[place] or 0) + tally.units
            case "usage":
                self.usage_first_at = _earlier(self.usage_first_at, tally.first_at)
                self.last_used_at = _later(self.last_used_at, tally.last_at)
            case "feature":
                self.feature_last[key] = _later(self.feature_last.get(key), tally.last_at)
            case "influence":
                self.influence_units += tally.units
            case Measure.ACTIVATION:
                self.activated_at = _earlier(self.activated_at, tally.first_at)

    def add(self, other: Addition) -> None:
        """Take in what is added to another row of the same profile."""
        if other.first_seen_at is not None and other.last_seen_at is not None:
            self.first_seen_at = _earlier(self.first_seen_at, other.first_seen_at)
            self.last_seen_at = _later(self.last_seen_at, other.last_seen_at)
        self.intent_units += other.intent_units
        if other.intent_last_at is not None:
            self.intent_last_at = _later(self.intent_last_at, other.intent_last_at)
        if other.stage_units is not None:
            mine = self.stage_units or [None] * len(_STAGES)
            self.stage_units = [
                one if another is None else (one or 0) + another
                for one, another in zip(mine, other.stage_units, strict=True)
            ]
        if other.usage_first_at is not None and other.last_used_at is not None:
            self.usage_first_at = _earlier(self.usage_first_at, other.usage_first_at)
            self.last_used_at = _later(self.last_used_at, other.last_used_at)
        if other.activated_at is not None:
            self.activated_at = _earlier(self.activated_at, other.activated_at)
        self.used_days |= other.used_days
        for key, last_at in other.feature_last.items():
            self.feature_last[key] = _later(self.feature_last.get(key), last_at)
        self.influence_units += other.influence_units
        self.bought |= other.bought


class Row(Struct, frozen=True, kw_only=True):
    """Where an addition goes: to the profile where `whole`, and to its membership in `target` where that is given."""

    profile_id: ProfileId
    whole: bool
    target: AccountId | None
    addition: Addition
    born: bool
    """Whether the profile is new."""
    joined: bool
    """Whether the membership is new …"""
    evidence: Joined | None
    """… and what says that the person is in that account; None: facts alone."""
    home: bool
    """Whether facts without an account count in it."""
    single: bool
    """Whether it is the only one."""
    named: bool
    """Whether the names are to be derived."""
    bought: bool
    """Whether the purchases are to be counted again."""


class Additions(Struct, frozen=True):
    """What a flush adds, and what must be derived instead."""

    rows: list[Row]
    anew: set[ProfileId]
    """Profiles to be derived as a whole; none of the others speaks of them."""


class Changes(Struct, kw_only=True):
    """What a flush does to profiles besides adding to their summaries."""

    profile_of: Mapping[NodeId, ProfileId]
    """Of every node that the summaries speak of."""
    born: Collection[ProfileId] = ()
    """Made by this flush: nothing is known of them but what it brings."""
    joined: Mapping[ProfileId, Joined] = {}
    """Of those of them who are in an account, in one, for one reason."""
    renamed: Collection[ProfileId] = ()
    """They have new identifiers."""
    anew: Collection[ProfileId] = ()
    """Merged, or in other accounts than before."""


def add_up(summaries: Summaries, changes: Changes, standing_of: Mapping[ProfileId, Standing]) -> Additions:
    """What the summaries of a flush add to the rows.

    Args:
        summaries: of the flush.
        changes: what else it does.
        standing_of: of all profiles that were there before.
    """
    book = _Book(changes, standing_of)
    profile_of, at = changes.profile_of, book.at
    for (node, account, kind, key), tally in summaries.tallies.items():
        place = profile_of[node], account
        if (addition := at.get(place)) is None:
            addition = book.begin(*place)
        addition.count(kind, key, tally)
        if kind == "onboarding" or (addition is book.nowhere.get(place) and kind != "seen"):
            book.anew.add(place[0])
    for node, account, feature, day in summaries.days:
        if not feature:
            at[profile_of[node], account].used_days.add(day)
    for node, account, _ in summaries.orders:
        at[profile_of[node], account].bought = True
    named = {profile_of[node] for node, _, kind, _ in summaries.registers if kind == "trait"}
    named.update(changes.renamed)
    return Additions(rows=list(book.rows(named)), anew=book.anew)


class _Book:
    """The additions of a flush by profile and account, those that go to one row together."""

    def __init__(self, changes: Changes, standing_of: Mapping[ProfileId, Standing]) -> None:
        self._standing_of = standing_of
        self._born = changes.born
        self._joined = changes.joined
        # Who is new is in an account for one reason, or in none, and so has a membership with themselves.
        self._rows: dict[ProfileId, dict[AccountId | None, Addition]] = {
            one: {self._begins(one): Addition()} for one in changes.born
        }
        self.at: dict[tuple[ProfileId, AccountId], Addition] = {}
        self.nowhere: dict[tuple[ProfileId, AccountId], Addition] = {}
        """Facts that count in no membership as things stand."""
        self.anew = set(changes.anew)

    def _begins(self, profile_id: ProfileId) -> AccountId:
        joined = self._joined.get(profile_id)
        return NO_ACCOUNT if joined is None else joined.account_id

    def begin(self, profile_id: ProfileId, account: AccountId) -> Addition:
        """The addition for facts in an account (0: in none)."""
        standing = self._standing_of.get(profile_id)
        target: AccountId | None = account
        if profile_id in self._born:
            if account == NO_ACCOUNT:
                target = self._begins(profile_id)
        elif standing is None:
            self.anew.add(profile_id)
        else:
            if not standing.whole:
                self.anew.add(profile_id)
            if account == NO_ACCOUNT:
                target = standing.home
        addition = self._rows.setdefault(profile_id, {}).setdefault(target, Addition())
        self.at[profile_id, account] = addition
        if target is None:
            self.nowhere[profile_id, account] = addition
        return addition

    def rows(self, named: Collection[ProfileId]) -> Iterator[Row]:
        """One for each profile that is not to be derived, and where its facts count in several memberships, one for
        each of those.
        """
        for profile_id in named:
            # What a human states is no activity: it changes the names alone.
            self._rows.setdefault(profile_id, {None: Addition()})
        for profile_id, additions in self._rows.items():
            if profile_id in self.anew:
                continue
            if len(additions) == 1:
                ((target, addition),) = additions.items()
                yield self._row(profile_id, target, addition, whole=True, named=profile_id in named)
                continue
            whole = Addition()
            for target, addition in additions.items():
                whole.add(addition)
                if target is not None:
                    yield self._row(profile_id, target, addition, whole=False)
            yield self._row(profile_id, None, whole, whole=True, named=profile_id in named)

    def _row(
        self,
        profile_id: ProfileId,
        target: AccountId | None,
        addition: Addition,
        *,
        whole: bool,
        named: bool = False,
    ) -> Row:
        born = profile_id in self._born
        begins = self._begins(profile_id) if born else None
        standing = self._standing_of.get(profile_id, _NEW)
        return Row(
            profile_id=profile_id,
            whole=whole,
            target=target,
            addition=addition,
            born=born,
            joined=target not in standing.accounts,
            evidence=self._joined.get(profile_id) if born and target == begins else None,
            home=target is not None and target == (begins if born else standing.home),
            single=len(standing.accounts | self._rows[profile_id].keys()) == 1,
            named=named,
            bought=addition.bought,
        )


_NEW = Standing()


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other < one else one


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None or other > one else one
