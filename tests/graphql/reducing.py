"""Smaller documents that fail in the same way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import REMOVE, GraphQLError, Node, Visitor, parse, print_ast, visit
from graphql.language import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    ListValueNode,
    ObjectFieldNode,
    VariableDefinitionNode,
    VariableNode,
)

REMOVABLE = (FieldNode, InlineFragmentNode, FragmentSpreadNode, ArgumentNode, DirectiveNode, ObjectFieldNode)


def reduced(document: str, fails: Callable[[str], bool]) -> str:
    """The document without all that can be left out one by one while it still fails."""
    at = 0
    while True:
        smaller = _without(document, at)
        if smaller is None:
            return document
        if smaller != document and fails(smaller):
            document = smaller
        else:
            at += 1


class _Removing(Visitor):
    def __init__(self, at: int) -> None:
        super().__init__()
        self.left = at

    def enter(self, node: Node, _key: Any, parent: Any, *_: Any) -> Any:
        if isinstance(node, REMOVABLE) or (
            isinstance(parent, tuple) and isinstance(_[-1][-1], ListValueNode)
        ):
            self.left -= 1
            if self.left == -1:
                return REMOVE
        return None


class _Used(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[tuple[type, str]] = set()

    def enter_variable(self, node: VariableNode, _key: Any, parent: Any, *_: Any) -> None:
        if not isinstance(parent, VariableDefinitionNode):
            self.names.add((VariableDefinitionNode, node.name.value))

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.names.add((FragmentDefinitionNode, node.name.value))


class _Dropping(Visitor):
    def __init__(self, used: set[tuple[type, str]]) -> None:
        super().__init__()
        self._used = used

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> Any:
        return None if (VariableDefinitionNode, node.variable.name.value) in self._used else REMOVE

    def enter_fragment_definition(self, node: FragmentDefinitionNode, *_: Any) -> Any:
        return None if (FragmentDefinitionNode, node.name.value) in self._used else REMOVE


def _without(document: str, at: int) -> str | None:
    """The document without its `at`th part and what only that used; None: it has no such part."""
    removing = _Removing(at)
    smaller: DocumentNode = visit(parse(document), removing)
    if removing.left >= 0:
        return None
    for _ in range(3):
        used = _Used()
        visit(smaller, used)
        smaller = visit(smaller, _Dropping(used.names))
    text = print_ast(smaller)
    try:
        parse(text)
    except GraphQLError:
        return document
    return text
