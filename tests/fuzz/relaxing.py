"""The same documents without what keeps them from finding anybody: conditions, cursors, and parts that are left out."""

from __future__ import annotations

from dataclasses import replace

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    parse,
    print_ast,
    visit,
)
from graphql.language import REMOVE, VisitorAction

from tests.graphql.documents import Asked

NARROWING = frozenset({"where", "search", "after", "before", "lens", "orderBy"})
SIZES = frozenset({"first", "last"})


class _Relaxing(Visitor):
    def enter_argument(self, node: ArgumentNode, *_about: object) -> VisitorAction:
        return REMOVE if node.name.value in NARROWING | SIZES else None

    def enter_directive(self, _node: DirectiveNode, *_about: object) -> VisitorAction:
        return REMOVE


class _Used(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_field(self, node: FieldNode, *_about: object) -> None:
        for argument in node.arguments or ():
            visit(argument, _Named(self.names))


class _Named(Visitor):
    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self._names = names

    def enter_variable(self, node: VariableNode, *_about: object) -> None:
        self._names.add(node.name.value)


def relaxed(one: Asked) -> Asked:
    """The document with no conditions, its pages of the usual size, and all of its parts."""
    document: DocumentNode = visit(parse(one.document), _Relaxing())
    used = _Used()
    visit(document, used)

    class Declared(Visitor):
        def enter_operation_definition(
            self, node: OperationDefinitionNode, *_about: object
        ) -> OperationDefinitionNode:
            return OperationDefinitionNode(
                operation=node.operation,
                name=node.name,
                variable_definitions=tuple(
                    each for each in node.variable_definitions or () if each.variable.name.value in used.names
                ),
                directives=node.directives,
                selection_set=node.selection_set,
            )

    def kept(given: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in given.items() if name in used.names}

    return replace(
        one,
        document=print_ast(visit(document, Declared())),
        variables=kept(one.variables),
        others=kept(one.others),
    )
