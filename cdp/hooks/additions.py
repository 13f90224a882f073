"""Whether what a plugin registers to extend the surface of the core is fit; sentences begin with a small letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cdp.errors import Misconfigured
from cdp.hooks.implementation import function_of
from cdp.hooks.shapes import Listed, Made, Maybe, Scalar, Shape, objects_in, shape_of
from cdp.model import Command, GraphField, GraphMutation, GraphQuery, KeyAuth, PluginInfo, Route

CORE_COMMANDS = frozenset(
    {
        "access",
        "audit",
        "demo",
        "doctor",
        "enrich",
        "import",
        "issuers",
        "jobs",
        "keys",
        "migrate",
        "plugins",
        "rebuild",
        "retention",
        "roles",
        "schema",
        "serve",
        "tables",
        "traits",
        "visitors",
        "worker",
        "workspaces",
    }
)
"""Names that no plugin with commands can have."""

LARGEST_BODY = 1_000_000
"""Bytes that a route may take."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_COMMAND = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_STEP = r"(?:[a-z0-9][a-z0-9._-]*|\{[a-z][a-z0-9_]*\})"
_PATH = re.compile(f"{_STEP}(?:/{_STEP})*")
_LABELS = frozenset({"intent", "usage", "pii"})
_TAKEN = _LABELS | {"profiles", "admin", "audit", "visitor"}
"""Names that no label of a plugin can have."""
_LABEL = re.compile(r"[a-z][a-z0-9_]{1,39}")


def check_field(field: GraphField) -> None:
    """Raise Misconfigured where a field cannot be used."""
    _check_name(field.name, "field")
    _check_description(field)
    if field.on not in {"Profile", "Account", "Membership"}:
        raise Misconfigured(
            f"the field {field.name} is on {field.on!r}; it can be on Profile, Account or Membership."
        )
    shape = _shape(field.returns, f"the field {field.name}")
    if field.trait is not None:
        if field.requires is not None or field.resolve is not None or field.on == "Membership":
            raise Misconfigured(
                f"the field {field.name} is a trait's; such a one is of Profile or Account, and alone."
            )
        if not isinstance(_inside(shape), Scalar):
            raise Misconfigured(f"the field {field.name} is a trait's; such a one is a scalar.")
        return
    if field.requires is None or field.resolve is None:
        raise Misconfigured(f"the field {field.name} needs `requires` and `resolve`, or `trait`.")
    _check_function(field.resolve, f"the field {field.name}")
    _shape(field.requires, f"what the field {field.name} requires", described=False)
    _shape(field.arguments, f"the field {field.name}", flat=True)


def check_labels(info: PluginInfo, fields: Collection[GraphField], *, others: Mapping[str, str]) -> None:
    """Raise Misconfigured where a plugin declares a label that cannot be, or where a field bears one that nobody does.

    Args:
        info: what the plugin says of itself.
        fields: those that it adds.
        others: labels of other plugins, each with its plugin.
    """
    for label, told in info.reveals.items():
        if _LABEL.fullmatch(label) is None or label in _TAKEN:
            raise Misconfigured(f"{label!r} cannot be a label of a plugin; write it like credit.")
        if label in others:
            raise Misconfigured(f"the label {label} is declared by the plugin {others[label]} as well.")
        if not told.strip():
            raise Misconfigured(f"the label {label} needs a sentence about what it tells.")
    for field in fields:
        if unknown := field.labels - _LABELS - info.reveals.keys():
            there = ", ".join([*sorted(_LABELS), *sorted(info.reveals)])
            raise Misconfigured(f"the field {field.name} has a label {min(unknown)!r}; there are {there}.")


def check_query(query: GraphQuery) -> None:
    """Raise Misconfigured where a query cannot be used."""
    _check_name(query.name, "query")
    _check_description(query)
    _check_function(query.resolve, f"the query {query.name}")
    _shape(query.returns, f"the query {query.name}")
    _shape(query.arguments, f"the query {query.name}", flat=True)
    _check_reads(query, f"the query {query.name}")


def check_mutation(mutation: GraphMutation) -> None:
    """Raise Misconfigured where a mutation cannot be used."""
    _check_name(mutation.name, "mutation")
    _check_description(mutation)
    _check_function(mutation.resolve, f"the mutation {mutation.name}")
    _shape(mutation.returns, f"the mutation {mutation.name}")
    given = _shape(mutation.input, f"the mutation {mutation.name}")
    if not isinstance(given, Made) or not given.parts:
        raise Misconfigured(f"the mutation {mutation.name} needs an input with attributes.")
    _check_reads(mutation, f"the mutation {mutation.name}")


def check_route(route: Route) -> None:
    """Raise Misconfigured where a route cannot be used."""
    if _PATH.fullmatch(route.path) is None:
        raise Misconfigured(f"{route.path!r} cannot be a route; write it like `hook` or `reports/{{name}}`.")
    _check_description(route, route.path)
    _check_function(route.handle, f"the route {route.path}")
    if not 0 < route.body_bytes <= LARGEST_BODY:
        raise Misconfigured(
            f"the route {route.path} takes {route.body_bytes:,} bytes, not 1 to {LARGEST_BODY:,}."
        )


def check_command(command: Command) -> None:
    """Raise Misconfigured where a command cannot be used."""
    if _COMMAND.fullmatch(command.name) is None:
        raise Misconfigured(f"{command.name!r} cannot be a command; write it like `next-steps`.")
    _check_description(command)
    _check_function(command.run, f"the command {command.name}")
    shape = _shape(command.arguments, f"the command {command.name}", flat=True)
    if not isinstance(shape, Made) or any(not _is_option(one.shape) for one in shape.parts):
        raise Misconfigured(
            f"the command {command.name} has an option that is neither a scalar nor a list of them."
        )
    if taken := {one.attribute for one in shape.parts} & {"data", "database_url", "workspace"}:
        raise Misconfigured(
            f"the command {command.name} has an argument {min(taken)}, which every command has."
        )
    if unknown := set(command.positional) - {one.attribute for one in shape.parts}:
        raise Misconfigured(f"the command {command.name} has no argument {min(unknown)!r}.")
    _check_reads(command, f"the command {command.name}")


def check_prefix(plugin: str, commands: Sequence[Command]) -> None:
    """Raise Misconfigured where `cdp <plugin>` is another command already, or two commands have one name."""
    if commands and plugin in CORE_COMMANDS:
        raise Misconfigured(f"`cdp {plugin}` is a command of the core; give the plugin another name.")
    names = [one.name for one in commands]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Misconfigured(f"it has two commands {min(twice)!r}.")


def check_addresses(routes: Sequence[Route]) -> None:
    """Raise Misconfigured where two routes have one address."""
    known: set[tuple[str, str, bool]] = set()
    for one in routes:
        address = (one.method, re.sub(r"\{\w+\}", "{}", one.path), isinstance(one.auth, KeyAuth))
        if address in known:
            raise Misconfigured(f"it has two routes {one.method} {one.path}.")
        known.add(address)


def _check_name(name: str, what: str) -> None:
    if _NAME.fullmatch(name) is None or len(name) > 60:
        raise Misconfigured(f"{name!r} cannot be a {what}; write it like next_step.")


def _check_description(item: Any, name: str | None = None) -> None:
    if not item.description.strip():
        raise Misconfigured(f"{name or item.name} has no description.")


def _check_function(function: Callable[..., Any], what: str) -> None:
    if not callable(function):
        raise Misconfigured(f"{what} has no function.")
    function_of("", what, function, ("request",))


def _check_reads(item: GraphQuery | GraphMutation | Command, what: str) -> None:
    if (item.reads is None) != (item.found is None):
        raise Misconfigured(f"{what} needs both `reads` and `found`, or neither.")
    if item.found is not None:
        _shape(item.found, f"what {what} reads", described=False)


def _shape(type_: Any, what: str, *, described: bool = True, flat: bool = False) -> Shape:
    """The shape; `described` where it is shown, `flat` where it is only a list of arguments."""
    try:
        shape = shape_of(type_, described=described)
    except (Misconfigured, TypeError, NameError) as error:
        raise Misconfigured(f"{what}: {error}") from None
    if described:
        for one in objects_in(shape):
            if not one.description and not (flat and one is shape):
                raise Misconfigured(f"{what}: {one.type.__name__} has no docstring, which would describe it.")
    return shape


def _inside(shape: Shape) -> Shape:
    return _inside(shape.of) if isinstance(shape, Maybe) else shape


def _is_option(shape: Shape) -> bool:
    inner = _inside(shape)
    inner = _inside(inner.of) if isinstance(inner, Listed) else inner
    return not isinstance(inner, Made | Listed)
