"""What a class and its attributes say of themselves: docstrings, those below attributes too."""

from __future__ import annotations

import ast
import inspect
import textwrap


def summary_of(type_: type) -> str:
    """The first paragraph of a class's own docstring on one line; empty: it has none."""
    return _paragraph(type_.__dict__.get("__doc__") or "")


def attribute_docs(type_: type) -> dict[str, str]:
    """The docstrings below the attributes of a class and of those that it extends; empty where there is no source."""
    found: dict[str, str] = {}
    for one in reversed(type_.__mro__):
        if one.__module__ not in {"builtins", "enum", "msgspec", "msgspec._core", "typing"}:
            found |= _own(one)
    return found


def _own(type_: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(type_)))
    except (OSError, TypeError, SyntaxError):
        return {}
    (definition,) = tree.body
    if not isinstance(definition, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for before, after in zip(definition.body, definition.body[1:], strict=False):
        match after:
            case ast.Expr(value=ast.Constant(value=str(text))):
                found |= dict.fromkeys(_targets(before), _paragraph(text))
    return found


def _targets(node: ast.stmt) -> list[str]:
    match node:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            return [one.id for one in targets if isinstance(one, ast.Name)]
        case _:
            return []


def _paragraph(text: str) -> str:
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
