"""What it takes to see a field that Python resolves, declared like the labels of planned ones, and held in one place.

    @strawberry.field(description="…", metadata=needs(Scope.WORKSPACE_ADMIN))
    async def plugins(self, info: Info) -> list[PluginType] | None: …

The schema sees to it (`guard`) that no resolver runs whose scopes the caller lacks: a field that may be null is null,
with one error for the field of the document; the roots' fields, and those that may not be null, fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from graphql import GraphQLField, GraphQLNonNull, GraphQLResolveInfo

from cdp.access.scopes import Scope
from cdp.errors import Forbidden
from cdp.plan.labels import AnyScope, Labels

NEEDS = "needs"
"""Key, in a field's metadata, of the scopes that it takes."""


def needs(*scopes: AnyScope) -> Mapping[str, Any]:
    """Metadata of a field that takes these scopes."""
    return {NEEDS: frozenset(scopes)}


def labelled(labels: Labels) -> Mapping[str, Any]:
    """Metadata of a field that bears these labels."""
    return needs(*(label.scope for label in labels))


def extensions_of(scopes: frozenset[AnyScope]) -> dict[str, Any]:
    """What a field has that Strawberry did not make, so that `needs_of` reads it like the others."""
    return {"strawberry-definition": SimpleNamespace(metadata={NEEDS: scopes})}


def needs_of(extensions: Mapping[str, Any]) -> frozenset[AnyScope]:
    """The scopes that a field of the schema declares, by its extensions."""
    metadata = getattr(extensions.get("strawberry-definition"), "metadata", None) or {}
    found: frozenset[AnyScope] = metadata.get(NEEDS, frozenset())
    return found


def guard(name: str, field: GraphQLField, scopes: frozenset[AnyScope], *, of_root: bool) -> None:
    """Have a field answer those alone who have the scopes."""
    assert field.resolve is not None, name
    resolve: Callable[..., Any] = field.resolve
    ordered = sorted(scopes)
    personal = (f"Query.{name}" if of_root else name,) if Scope.PII_READ in scopes else ()
    fails = of_root or isinstance(field.type, GraphQLNonNull)

    def guarded(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        held = info.context.scopes
        for scope in ordered:
            if scope not in held:
                if fails:
                    raise Forbidden(f"`{name}` needs the scope {scope.value}.")
                info.context.reading.refuse(info.field_nodes[0], info.path.as_list(), scope)
                return None
        if personal:
            info.context.services.reads.note(info.context.caller, personal)
        return resolve(source, info, **given)

    field.resolve = guarded
