"""The catalogue: from an event's name and properties to what it contributes to the two panels.

Names are matched without regard to case and to spaces around them: clients disagree on `Order Completed` and
`order completed`, and nobody means two events by the two. Of several entries whose conditions all hold, the one with
most conditions wins; of equally many, the workspace's own before a default, then the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from cdp.errors import BadInput
from cdp.lenses.conditions import Test, check_condition, compile_test
from cdp.lenses.defaults import default_entries, signal_of
from cdp.model import CatalogueEntry, Condition, Contribution, Event, Lens, Workspace

_DEFAULTS = default_entries()

LARGEST_WEIGHT = 1_000.0
_LONGEST_NAME = 200
_MOST_CONDITIONS = 20
_MOST_CONTRIBUTIONS = 10
_REMEMBERED_NAMES = 4_096
_REMEMBERED_CATALOGUES = 64

EntryKey = tuple[str, bytes]
"""What tells two entries apart: the event's name, folded, and the conditions in any order."""


def counted_name(event: Event) -> str:
    """The name under which an event counts: its own, unless a plugin said otherwise when it came."""
    notes = event.context.get("diptych")
    if notes is None:
        return event.name
    counts_as = notes.get("countsAs") if isinstance(notes, dict) else None
    if isinstance(counts_as, str) and 0 < len(counts_as) <= _LONGEST_NAME:
        return counts_as
    return event.name


def fold_name(name: str) -> str:
    """The form under which names are compared."""
    return name.strip().casefold()


def entry_key(event: str, conditions: Sequence[Condition]) -> EntryKey:
    """Equal for entries that replace each other."""
    texts = sorted(msgspec.json.encode(condition, order="sorted") for condition in conditions)
    return fold_name(event), b"\n".join(texts)


def merge_entries(
    own: Iterable[CatalogueEntry], of_plugins: Iterable[CatalogueEntry] = ()
) -> tuple[CatalogueEntry, ...]:
    """The workspace's own entries, then those of plugins and the defaults that none before them replaces.

    An own entry without contributions switches the other off: its events are known and count for neither panel.
    """
    merged = {entry_key(entry.event, entry.conditions): entry for entry in own}
    for entry in (*of_plugins, *_DEFAULTS):
        merged.setdefault(entry_key(entry.event, entry.conditions), entry)
    return tuple(merged.values())


class Catalogue:
    """Entries, indexed by name and compiled; immutable but for what it remembers of names it was asked for."""

    def __init__(self, entries: Iterable[CatalogueEntry]) -> None:
        self._by_name: dict[str, list[tuple[tuple[Test, ...], tuple[Contribution, ...]]]] = {}
        for entry in sorted(entries, key=lambda entry: -len(entry.conditions)):
            tests = tuple(compile_test(condition) for condition in entry.conditions)
            contributions = tuple(_complete(entry.event, given) for given in entry.contributions)
            self._by_name.setdefault(fold_name(entry.event), []).append((tests, contributions))
        self._unconditional: dict[str, tuple[Contribution, ...] | None] = {}

    def names(self, name: str) -> bool:
        """Whether there is an entry for events of this name, whatever its conditions."""
        return fold_name(name) in self._by_name

    def classify(self, name: str, properties: Mapping[str, Any]) -> tuple[Contribution, ...]:
        """What an event contributes; empty: it counts for neither panel."""
        try:
            always = self._unconditional[name]
        except KeyError:
            always = self._remember(name)
        if always is not None:
            return always
        for tests, contributions in self._by_name[fold_name(name)]:
            if all(test(properties) for test in tests):
                return contributions
        return ()

    def _remember(self, name: str) -> tuple[Contribution, ...] | None:
        """Contributions that hold whatever the properties; None where they decide. Kept under the name as sent."""
        entries = self._by_name.get(fold_name(name))
        if entries is None:
            always: tuple[Contribution, ...] | None = ()
        else:
            tests, contributions = entries[0]
            always = None if tests else contributions
        if len(self._unconditional) >= _REMEMBERED_NAMES:
            self._unconditional.clear()
        self._unconditional[name] = always
        return always


_compiled: dict[int, tuple[tuple[CatalogueEntry, ...], Catalogue]] = {}


def catalogue_of(workspace: Workspace) -> Catalogue:
    """The workspace's entries, compiled once for as long as the same tuple of them is in use."""
    known = _compiled.get(id(workspace.entries))
    # The tuple is kept beside its catalogue, so that its id cannot become another's.
    if known is None or known[0] is not workspace.entries:
        known = (workspace.entries, Catalogue(workspace.entries))
        if len(_compiled) >= _REMEMBERED_CATALOGUES:
            _compiled.clear()
        _compiled[id(workspace.entries)] = known
    return known[1]


def classify(
    name: str, properties: Mapping[str, Any], entries: Iterable[CatalogueEntry]
) -> tuple[Contribution, ...]:
    """What one event contributes by these entries; for many events, keep a `Catalogue`."""
    return Catalogue(entries).classify(name, properties)


def check_entry(entry: CatalogueEntry) -> CatalogueEntry:
    """An entry fit to be stored: name trimmed, every intent contribution with its signal.

    Raises:
        BadInput: it cannot be used; the message says why and `field` where.
    """
    event = entry.event.strip()
    if not event or len(event) > _LONGEST_NAME or "\0" in event:
        raise BadInput("The name of an event has 1 to 200 characters.", field=("event",))
    if len(entry.conditions) > _MOST_CONDITIONS:
        raise BadInput(f"An entry has at most {_MOST_CONDITIONS} conditions.", field=("conditions",))
    if len(entry.contributions) > _MOST_CONTRIBUTIONS:
        raise BadInput(f"An entry has at most {_MOST_CONTRIBUTIONS} contributions.", field=("contributions",))
    for index, condition in enumerate(entry.conditions):
        _at(("conditions", str(index)), check_condition, condition)
    for index, contribution in enumerate(entry.contributions):
        _at(("contributions", str(index)), _check_contribution, contribution)
    contributions = tuple(_complete(event, contribution) for contribution in entry.contributions)
    return msgspec.structs.replace(entry, event=event, contributions=contributions)


def _at(path: tuple[str, ...], check: Any, value: Any) -> None:
    try:
        check(value)
    except BadInput as error:
        raise BadInput(error.message, field=(*path, *error.field)) from None


def _check_contribution(contribution: Contribution) -> None:
    if contribution.lens is Lens.NONE:
        raise BadInput("A contribution is to INTENT or to USAGE; leave it out for neither.", field=("lens",))
    for name in ("weight", "influence"):
        value = getattr(contribution, name)
        if not 0 <= value <= LARGEST_WEIGHT:
            raise BadInput(f"The {name} is {value}; choose one from 0 to {LARGEST_WEIGHT:g}.", field=(name,))
    for name in ("signal", "feature", "key_property"):
        text = getattr(contribution, name)
        if text is not None and (not text.strip() or len(text) > _LONGEST_NAME or "\0" in text):
            raise BadInput(f"The {name} has 1 to 200 characters, or is left out.", field=(name,))
    if contribution.lens is Lens.USAGE and (
        contribution.stage or contribution.signal or contribution.purchase
    ):
        raise BadInput(
            "Stage, signal and purchase belong to the lens INTENT; make them a contribution of their own.",
            field=("lens",),
        )
    if contribution.lens is Lens.INTENT and (contribution.feature or contribution.key_property):
        raise BadInput(
            "Features and onboarding steps belong to the lens USAGE; make them a contribution of their own.",
            field=("lens",),
        )


def _complete(event: str, contribution: Contribution) -> Contribution:
    """An intent contribution always has a signal: the event's name where none is given."""
    if contribution.lens is Lens.INTENT and not contribution.signal:
        return msgspec.structs.replace(contribution, signal=signal_of(event) or fold_name(event))
    return contribution
