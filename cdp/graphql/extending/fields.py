"""Fields of plugins on the objects of the core, as the planner knows fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from graphql import GraphQLField, GraphQLObjectType

from cdp.errors import DiptychError, Misconfigured
from cdp.graphql.context import Context
from cdp.graphql.extending.calling import ask, turned_off
from cdp.graphql.extending.requiring import required
from cdp.graphql.extending.types import Types
from cdp.hooks.extending import implementation, values_of
from cdp.hooks.shapes import Kind, Made, Maybe, Scalar, Shape, camel, read, reader_of, shape_of, shown
from cdp.model import FieldRequest, GraphField
from cdp.model.classes import TraitOf
from cdp.plan.fields import DECLARED, Column, Computed, Declaration
from cdp.plan.labels import NONE, label_of
from cdp.plan.personal import CLASSED, HOUSEHOLD, seen
from cdp.plan.running import Lost

_ALIAS = {"Profile": "p", "Account": "a"}
_KEY = re.compile(r"[A-Za-z0-9_ .-]{1,100}")


def graph_field(plugin: str, field: GraphField, type_: GraphQLObjectType, types: Types) -> GraphQLField:
    """A plugin's field, declared.

    Raises:
        Misconfigured: it requires what there is not, or is of a trait that cannot be.
    """
    shape = shape_of(field.returns)
    arguments = shape_of(field.arguments)
    assert isinstance(arguments, Made)
    declared = _computed(plugin, field, type_, shape) if field.trait is None else _trait(plugin, field, shape)
    return GraphQLField(
        types.nullable(plugin, shape),
        args=types.arguments(plugin, arguments),
        description=field.description,
        # Where the planner looks for a declaration.
        extensions={"strawberry-definition": SimpleNamespace(metadata={DECLARED: declared})},
    )


def _computed(plugin: str, field: GraphField, type_: GraphQLObjectType, shape: Shape) -> Declaration:
    whose = f"The field {field.name} of the plugin {plugin}"
    needed = shape_of(field.requires, described=False)
    assert isinstance(needed, Made)
    assert field.requires is not None
    assert field.resolve is not None
    given = required(type_, needed, whose)
    function = implementation(plugin, "register_fields", field.resolve)
    check = values_of(field.returns)
    reads = reader_of(field.requires)
    name = camel(field.name)

    async def batch(
        context: Context, parents: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]
    ) -> Sequence[Any]:
        if context.services.plugins.calls.is_off(plugin, await context.workspace()):
            raise turned_off(plugin)
        request = FieldRequest(
            objects=tuple(reads(parent[name]) for parent in parents),
            arguments=read(field.arguments, arguments),
            scopes=frozenset(map(str, context.scopes)),
            as_of=context.as_of,
        )
        try:
            values = await ask(context, function, request, check, f"the field {name}")
        except DiptychError as error:
            raise Lost(str(error), code=error.code, plugin=plugin) from None
        return [shown(shape, value) for value in values]

    return Computed(
        requires={},
        batch=batch,
        labels=given.labels.union(map(label_of, field.labels)),
        needs=given.selection,
    )


# ── traits ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _trait(plugin: str, field: GraphField, shape: Shape) -> Declaration:
    key = field.trait
    if key is None or _KEY.fullmatch(key) is None:
        raise Misconfigured(
            f"The field {field.name} of the plugin {plugin} is of a trait that cannot be: {key!r}."
        )
    kind = _kind(shape)
    if kind is None or kind not in _AS:
        raise Misconfigured(f"The field {field.name} of the plugin {plugin} cannot be the value of a trait.")
    alias = _ALIAS[field.on]
    sql = _AS[kind].replace("@", f"({alias}.traits -> '{key}')")
    of, where = (TraitOf.PROFILE, None) if field.on == "Profile" else (TraitOf.ACCOUNT, HOUSEHOLD)
    shown = seen(of, f"'{key}'::text", f"({alias}.traits -> '{key}')", where=where)
    declared = NONE.union(map(label_of, field.labels))
    return Column(
        sql=sql, labels=CLASSED | declared, redacted=f"(CASE WHEN {shown} THEN {sql} END)", strict=declared
    )


def _kind(shape: Shape) -> Kind | None:
    match shape:
        case Maybe(of=inner):
            return _kind(inner)
        case Scalar(kind=kind):
            return kind
        case _:
            return None


_TEXT = "(@ #>> ARRAY[]::text[])"
_NUMBER = f"CASE WHEN jsonb_typeof(@) = 'number' THEN {_TEXT}::numeric END"
_AS: Mapping[Kind, str] = {
    Kind.STRING: f"(CASE WHEN jsonb_typeof(@) = 'string' THEN {_TEXT} END)",
    Kind.BOOLEAN: f"(CASE WHEN jsonb_typeof(@) = 'boolean' THEN {_TEXT}::boolean END)",
    Kind.INT: f"(CASE WHEN abs({_NUMBER}) < 2147483648 AND trunc({_NUMBER}) = ({_NUMBER})"
    f" THEN ({_NUMBER})::int4 END)",
    Kind.FLOAT: f"(CASE WHEN abs({_NUMBER}) < 1e300 THEN ({_NUMBER})::float8 END)",
    Kind.DECIMAL: f"(CASE WHEN abs({_NUMBER}) < 1e100 THEN ({_NUMBER}) END)",
    Kind.DATE: f"(CASE WHEN {_TEXT} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' AND pg_input_is_valid({_TEXT}, 'date')"
    f" THEN {_TEXT}::date END)",
    Kind.DATETIME: f"(CASE WHEN {_TEXT} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T.*(Z|[+-][0-9:]+)$'"
    f" AND pg_input_is_valid({_TEXT}, 'timestamptz') THEN {_TEXT}::timestamptz END)",
    Kind.JSON: "@",
}
"""A trait as a value of a type, null where it is of another; `@` is the trait."""
