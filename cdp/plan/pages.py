"""Pages of a connection: which rows, in which order, between which cursors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cdp.access.personal import identifies
from cdp.errors import BadInput, Forbidden
from cdp.model.classes import TraitOf, folded
from cdp.plan.cursors import Order, cursor_sql, read_cursor, signature
from cdp.plan.entities import Entity, Of, SortKey
from cdp.plan.labels import PII, lacking
from cdp.plan.moment import Moment
from cdp.plan.operators import as_json_list, path_of
from cdp.plan.personal import told_of_people
from cdp.plan.statement import Convert, Scope, as_json, as_text
from cdp.plan.values import Leaf, Tree, Variables

DEFAULT_SIZE = 20
LARGEST_SIZE = 200
MOST_WORDS = 20
MOST_SORT_KEYS = 8


class Page(Struct, frozen=True, kw_only=True):
    """One page, written."""

    order: Order
    named: str
    """The order's signature, as SQL."""
    backwards: bool
    size: str
    """How many rows, as SQL."""
    bounds: Sequence[str]
    """Conditions of the cursors."""
    after: bool
    """Whether it begins behind a cursor."""
    before: bool
    """Whether it ends before one."""

    def ordering(self, *, reverse: bool = False) -> str:
        """The ORDER BY that reads it; backwards pages are read from their end."""
        backwards = self.backwards != reverse
        return ", ".join(_direction(key, descending != backwards) for key, descending in self.order)


def page_of(entity: Entity, given: dict[str, Tree], scope: Scope, scopes: frozenset[Any]) -> Page:
    """The page that the arguments `first`, `after`, `last`, `before` and `orderBy` describe.

    Raises:
        BadInput: they contradict each other.
        Forbidden: it is sorted by what the caller may not see.
    """
    first, last = given.get("first"), given.get("last")
    if first is not None and last is not None:
        raise BadInput("Give `first` or `last`, not both.")
    order, of = _order(entity, given.get("orderBy"), scope, scopes)
    backwards = last is not None
    size = last if backwards else first
    bounds = []
    for name, beyond in (("after", True), ("before", False)):
        leaf = given.get(name)
        if leaf is not None:
            bounds.append(_bound(leaf, order, of, scope, beyond=beyond))
    return Page(
        order=order,
        named=_named(order, of, scope),
        backwards=backwards,
        size=str(DEFAULT_SIZE) if size is None else scope.bind(size, "int4", _size),
        bounds=bounds,
        after=given.get("after") is not None,
        before=given.get("before") is not None,
    )


def cursor_of(page: Page) -> str:
    """The cursor of a row of the page, as SQL."""
    return cursor_sql(page.order, page.named)


def ways_to(entity: Entity, given: dict[str, Tree], scope: Scope, scopes: frozenset[Any]) -> Sequence[str]:
    """Conditions of which a row meets one at most, and one if it meets the filter and the search.

    Where there is a finder, these are two ways to the rows: few are found by an index; of many, the page is read in its
    order until it is full. Which of the two it is shows when it runs, and the other one has no rows.

    Raises:
        Forbidden: the caller may not see what is searched.
    """
    if given.get("search") is not None:
        condition, found = _search(entity, given["search"], scope, scopes)
    else:
        condition, found = "true", _with_trait(entity, given.get("where"), scope, scopes)
    if found is None:
        return [condition]
    key = entity.key[0]
    return [f"{key.sql} = ANY({found}::{key.sql_type}[])", f"{found} IS NULL AND {condition}"]


def _search(entity: Entity, leaf: Leaf, scope: Scope, scopes: frozenset[Any]) -> tuple[str, str | None]:
    """That every word is somewhere in the entity's text; and what finds such rows."""
    missing = lacking(entity.search_labels, scopes)
    if missing is not None and entity.search_redacted is None:
        raise Forbidden(f"To search needs the scope {missing.value}.")
    if told_of_people(entity.type_name, "search", entity.search_labels, scopes):
        scope.statement.personal.add(f"{entity.type_name}.search")
    words = scope.bind(leaf, "text[]", _words)
    text = scope.sql(str(entity.search if missing is None else entity.search_redacted))
    condition = f"NOT EXISTS (SELECT FROM unnest({words}) AS word WHERE strpos({text}, word) = 0)"
    if entity.finder is None or missing is not None:
        return condition, None
    return condition, f"(SELECT {scope.inner({'words': words}).sql(entity.finder)})"


def _with_trait(entity: Entity, where: Tree, scope: Scope, scopes: frozenset[Any]) -> str | None:
    """What finds the rows that may have a trait which the filter wants to be equal to something; None: nothing does."""
    if entity.trait_finder is None or not where:
        return None
    for one in where.get("traits") or ():
        for operator in ("eq", "in"):
            if one.get(operator) is not None:
                names = {
                    "trait": scope.bind(one["path"], "text", _single),
                    "values": _values(one["path"], one[operator], scope, scopes, several=operator == "in"),
                }
                return f"(SELECT {scope.inner(names).sql(entity.trait_finder)})"
    inner = (_with_trait(entity, one, scope, scopes) for one in where.get("and") or ())
    return next((found for found in inner if found is not None), None)


def _single(value: Any, moment: Moment) -> str | None:
    """A path of one step; further inside, no index knows a trait."""
    steps = path_of(value, moment)
    return steps[0] if len(steps) == 1 else None


def _as_list(value: Any, moment: Moment) -> list[str]:
    return [as_json(value, moment)]


def _values(path: Leaf, given: Leaf, scope: Scope, scopes: frozenset[Any], *, several: bool) -> str:
    """The values that are looked for; of who may not read personal data none that looks like it: time would tell."""
    if lacking(PII, scopes) is None:
        return scope.bind(given, "jsonb[]", as_json_list if several else _as_list)

    def convert(read: tuple[Any, Any], moment: Moment) -> list[str]:
        key, value = path_of(read[0], moment)[0], read[1]
        values = value if several else [value]
        declared = folded(key) in moment.workspace.trait_classes.of(TraitOf.PROFILE)
        return as_json_list([one for one in values if declared or not identifies(one)], moment)

    both = Leaf(lambda variables: (path.read(variables), given.read(variables)), (path.sample, given.sample))
    return scope.bind(both, "jsonb[]", convert)


class _Of(Struct, frozen=True):
    """What a sort key is of, as the client names it."""

    leaf: Leaf
    declared: Of


def _order(entity: Entity, wanted: Tree, scope: Scope, scopes: frozenset[Any]) -> tuple[Order, Sequence[_Of]]:
    chosen: list[tuple[SortKey, bool]] = []
    named: list[_Of] = []
    if wanted and len(wanted) > MOST_SORT_KEYS:
        raise BadInput(f"A list may be sorted by {MOST_SORT_KEYS} keys at most.")
    known: set[Any] = set()
    for one in wanted or ():
        field, leaf = one["field"], one.get("of")
        key = _readable(entity.sorts[field], field.value, scopes)
        names = dict(key.names)
        if key.of is not None:
            if leaf is None:
                raise BadInput(f"To sort by {field.value}, say with `of` by which {key.of.what}.")
            named.append(_Of(leaf, key.of))
            names["of"] = scope.bind(leaf, key.of.sql_type, key.of.convert)
        elif leaf is not None:
            raise BadInput(f"{field.value} is a sort key by itself; leave out `of`.")
        elif field in known:
            continue
        known.add(field)
        chosen.append((key.resolved(scope.inner(names).sql(key.sql)), one["direction"].value == "DESC"))
    order = chosen or entity.usual_order(scopes)
    # Ids go the way of the first key, so that an index on both can be read in either direction. Who may not see the
    # usual key has the ids alone, the same way.
    leading = order or entity.order
    descending = leading[0][1] if leading else False
    order.extend((key, descending) for key in entity.key)
    return order, named


def _readable(key: SortKey, name: str, scopes: frozenset[Any]) -> SortKey:
    missing = lacking(key.labels, scopes)
    if missing is None:
        return key
    if key.redacted is None:
        raise Forbidden(f"To sort by {name} needs the scope {missing.value}.")
    return replace(key, sql=key.redacted, of=key.redacted_of or key.of)


def _direction(key: SortKey, descending: bool) -> str:
    return f"{key.ordered}{' DESC' if descending else ''}"


def _values_of(of: Sequence[_Of], variables: Variables) -> list[Any]:
    return [one.leaf.read(variables) for one in of]


def _named(order: Order, of: Sequence[_Of], scope: Scope) -> str:
    """The order's signature; where a client names what keys are of, each execution has its own."""
    if not of:
        return f"'{signature(order)}'"
    leaf = Leaf(lambda variables: _values_of(of, variables), [one.leaf.sample for one in of])
    return scope.bind(leaf, "text", lambda values, moment: signature(order, _converted(of, values, moment)))


def _converted(of: Sequence[_Of], values: Sequence[Any], moment: Moment) -> list[Any]:
    return [one.declared.convert(value, moment) for one, value in zip(of, values, strict=True)]


def _bound(leaf: Leaf, order: Order, of: Sequence[_Of], scope: Scope, *, beyond: bool) -> str:
    """Rows behind the cursor's (`beyond`) or before it, in this order."""
    if of:
        cursor = leaf
        leaf = Leaf(
            lambda variables: (cursor.read(variables), _values_of(of, variables)),
            (cursor.sample, [one.leaf.sample for one in of]),
        )
    values = [
        key.or_lowest(scope.bind(leaf, key.sql_type, _reads(order, of, at)))
        for at, (key, _) in enumerate(order)
    ]
    if len({descending for _, descending in order}) == 1:
        # A comparison of rows is one range of an index.
        operator = ">" if beyond != order[0][1] else "<"
        return f"({', '.join(key.ordered for key, _ in order)}) {operator} ({', '.join(values)})"
    condition = "false"
    for (key, descending), value in reversed(list(zip(order, values, strict=True))):
        further = f"{key.ordered} {'>' if beyond != descending else '<'} {value}"
        condition = f"({further} OR ({key.ordered} = {value} AND {condition}))"
    return condition


def _reads(order: Order, of: Sequence[_Of], at: int) -> Convert:
    """Reads one of a cursor's values."""
    if not of:
        return lambda text, _moment: read_cursor(text, order)[at]
    return lambda given, moment: read_cursor(given[0], order, _converted(of, given[1], moment))[at]


def _size(value: Any, _moment: Any) -> int:
    if not 0 <= value <= LARGEST_SIZE:
        raise BadInput(f"A page has 0 to {LARGEST_SIZE} items, not {value}.")
    return int(value)


def _words(value: Any, moment: Any) -> list[str]:
    words = as_text(value, moment).lower().split()
    if len(words) > MOST_WORDS:
        raise BadInput(f"Search for {MOST_WORDS} words at most.")
    return words
