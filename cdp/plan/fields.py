"""How the schema's fields declare what they are in SQL: once, beside their type and description.

    @strawberry.type(description="…")
    class Profile(Node):
        display_name: str | None = column("p.display_name", labels=PII, description="…")
        signals: list[Signal] = rows("…", order="…", arguments=[first("…")], description="…")

Each type that has rows of its own goes by one alias everywhere (`p` profile, `a` account, `m` membership, …), so that
declarations read as ordinary SQL: inside a subquery an alias means the nearest row of that type, as SQL scopes it.
`{name}` stands for what depends on the place; see cdp.plan.statement.Scope. `$1` is the workspace, and every table
that a declaration reads is compared with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import GraphQLField, SelectionSetNode
from msgspec import Struct
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.unset import UNSET

from cdp.access.scopes import Scopes
from cdp.plan.entities import Entity
from cdp.plan.frames import TOTALS, Shared
from cdp.plan.labels import NONE, Labels, lacking
from cdp.plan.statement import Convert, Named, Scope, as_given
from cdp.plan.values import Tree

DECLARED = "planned"
"""Key of a field's declaration in its metadata."""

Given: TypeAlias = Mapping[str, Tree]
"""Arguments of a field by the names of the schema; absent where they were not given."""
Names: TypeAlias = Mapping[str, Named]
Placed: TypeAlias = Callable[[Scope, Given], Names]
"""What `{names}` stand for below a field, from its arguments."""


class Column(Struct, frozen=True, kw_only=True):
    """A scalar of the row, or a list of scalars."""

    sql: str
    names: Names | None = None
    labels: Labels = NONE
    redacted: str | None = None
    """What those see who lack a label."""
    strict: Labels = NONE
    """Those of the labels without which not even that is seen."""
    masks: bool = False
    """Whether that is the value made unrecognisable, to be looked at and not to be worked with."""


class Nested(Struct, frozen=True, kw_only=True):
    """An object: of the same row, or of the one row that `source` (a FROM clause with its WHERE) finds."""

    source: str | Callable[[Scope, Given], str | None] | None = None
    names: Placed | Names | None = None
    labels: Labels = NONE


class Less(Struct, frozen=True, kw_only=True):
    """A list for those who lack one of these labels: fewer rows, or in an order that tells them nothing."""

    labels: Labels
    source: str
    order: str


class Rows(Struct, frozen=True, kw_only=True):
    """A list of objects, one a row of `source`, in `order`; at most as many as the argument `first` says."""

    source: str
    order: str
    names: Placed | Names | None = None
    unless: str | None = None
    """Condition on the row under which there are none: it spares the look at `source`."""
    labels: Labels = NONE
    less: Less | None = None
    """What those see who may see that there is a list, and not all of what it is made of."""

    def seen_by(self, scopes: Scopes) -> tuple[str, str]:
        """Source and order for a caller with these scopes."""
        less = self.less
        if less is None or lacking(less.labels, scopes) is None:
            return self.source, self.order
        return less.source, less.order


class Tallied(Struct, frozen=True, kw_only=True):
    """A list of objects, one for each key of the tallies of a kind: a row `s` of cdp.plan.frames.TOTALS."""

    kind: str
    order: str
    unless: str
    """Condition on the row under which there are none."""
    labels: Labels = NONE

    @property
    def source(self) -> str:
        """FROM clause that yields the rows by itself."""
        totals = TOTALS.format(source="{tallies}", kinds=f"'{self.kind}'", unless="")
        return f"({totals}) s"


class Connected(Struct, frozen=True, kw_only=True):
    """A connection over an entity; `where` ties it to the row that it hangs on."""

    entity: Callable[[], Entity]
    where: str = "true"
    each: str | None = None
    """FROM clause of several rows that `where` ties it to, each with a run of its own: a page reads the beginning of
    each run and merges them, so that its cost does not grow with their lengths."""
    shared: Mapping[str, Shared] = {}
    """What the rows have in common with the row that they hang on, in place of what the entity says."""
    conditions: Callable[[Scope, Given, frozenset[Any]], Sequence[str]] | None = None
    """Further conditions, from arguments of the field's own and the caller's scopes."""
    labels: Labels = NONE


class Found(Struct, frozen=True, kw_only=True):
    """An object of an entity that arguments find: `where`, from them."""

    entity: Callable[[], Entity]
    where: Callable[[Scope, Given, frozenset[Any]], str]
    """Given what the caller may do besides: an argument may ask for more than the object does."""
    labels: Labels = NONE


class AnyNode(Struct, frozen=True, kw_only=True):
    """An object of whichever entity the global id in the argument `id` is of."""

    entities: Callable[[], Mapping[str, Entity]]
    labels: Labels = NONE


class Part(Struct, frozen=True, kw_only=True):
    """A part of a connection or of one of its edges; the page knows what it is."""

    name: str
    labels: Labels = NONE


Batch: TypeAlias = Callable[[Any, Sequence[Mapping[str, Any]], Mapping[str, Any]], Awaitable[Sequence[Any]]]
"""(context, required columns of each parent, arguments) → a value or an exception for each parent."""


class Computed(Struct, frozen=True, kw_only=True):
    """A field that Python computes, once for all parents of an answer; nothing runs where it is not selected."""

    requires: Mapping[str, str]
    """Columns of the parent's row that `batch` is given."""
    batch: Batch
    labels: Labels = NONE
    needs: SelectionSetNode | None = None
    """What else it is given, under the field's own name: fields of the parent, as a document would ask for them. Its
    labels are theirs too; none of them is computed."""


Declaration: TypeAlias = Column | Nested | Rows | Tallied | Connected | Found | AnyNode | Part | Computed


def argument(name: str, type_: Any, description: str, default: Any = UNSET) -> StrawberryArgument:
    """An argument of a planned field. Without a default it may be left out if its type is nullable."""
    return StrawberryArgument(
        python_name=name,
        graphql_name=None,
        type_annotation=StrawberryAnnotation(type_),
        description=description,
        default=UNSET if default is None else default,
    )


def planned(
    declaration: Declaration,
    *,
    description: str,
    arguments: Sequence[StrawberryArgument] = (),
    deprecation_reason: str | None = None,
) -> Any:
    """A field of the schema with its declaration."""
    field = StrawberryField(
        description=description,
        metadata={DECLARED: declaration},
        deprecation_reason=deprecation_reason,
        type_annotation=None,
    )
    if arguments:
        field.arguments = list(arguments)
    return field


def column(
    sql: str, *, description: str, labels: Labels = NONE, redacted: str | None = None, strict: Labels = NONE
) -> Any:
    """A scalar of the row."""
    return planned(Column(sql=sql, labels=labels, redacted=redacted, strict=strict), description=description)


def masked(sql: str, mask: str, *, description: str, labels: Labels) -> Any:
    """A scalar of the row, which those who lack a label see as `mask` makes it."""
    return planned(Column(sql=sql, labels=labels, redacted=mask, masks=True), description=description)


def nested(
    source: str | None = None,
    *,
    description: str,
    names: Placed | Names | None = None,
    labels: Labels = NONE,
    arguments: Sequence[StrawberryArgument] = (),
) -> Any:
    """An object of the same row, or of the one row that `source` finds (null if it finds none)."""
    return planned(
        Nested(source=source, names=names, labels=labels), description=description, arguments=arguments
    )


def rows(
    source: str,
    *,
    order: str,
    description: str,
    names: Placed | Names | None = None,
    unless: str | None = None,
    labels: Labels = NONE,
    less: Less | None = None,
    arguments: Sequence[StrawberryArgument] = (),
) -> Any:
    """A list of objects: `FROM source ORDER BY order`; empty without looking where `unless` holds of the row."""
    return planned(
        Rows(source=source, order=order, names=names, unless=unless, labels=labels, less=less),
        description=description,
        arguments=arguments,
    )


def tallied(
    kind: str,
    *,
    order: str,
    unless: str,
    description: str,
    arguments: Sequence[StrawberryArgument] = (),
) -> Any:
    """A list of objects, one for each key of the tallies of this kind; empty without looking where `unless` holds."""
    return planned(
        Tallied(kind=kind, order=order, unless=unless), description=description, arguments=arguments
    )


def computed(
    batch: Batch,
    *,
    requires: Mapping[str, str],
    description: str,
    labels: Labels = NONE,
    arguments: Sequence[StrawberryArgument] = (),
) -> Any:
    """A field that Python computes in batches from required columns."""
    return planned(
        Computed(requires=dict(requires), batch=batch, labels=labels),
        description=description,
        arguments=arguments,
    )


def declaration_of(field: GraphQLField) -> Declaration | None:
    """What a field of the schema declares; None: an ordinary one, which Python resolves."""
    strawberry_field = field.extensions.get("strawberry-definition")
    metadata: Mapping[str, Any] = getattr(strawberry_field, "metadata", None) or {}
    return metadata.get(DECLARED)


def bound(name: str, sql_type: str, convert: Convert = as_given) -> Placed:
    """Names for an argument of that name: `{name}` is its value, or NULL where it is not given."""

    def place(scope: Scope, given: Given) -> Names:
        leaf = given.get(name)
        if leaf is None:
            return {name: f"NULL::{sql_type}"}
        return {name: lambda: scope.bind(leaf, sql_type, convert)}

    return place
