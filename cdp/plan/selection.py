"""Selections: which fields of an object are asked for, once fragments and directives are resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
)

from cdp.plan.values import MISSING, Tree, Variables, default_of, tree_of

Selected = dict[str, list[FieldNode]]
"""Response key → the nodes that ask for it, in the order of the document."""


class Selection:
    """Reads selection sets of one operation with the variables at hand."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], variables: Variables
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self.variables = variables

    def fields(self, type_: GraphQLObjectType, selection_sets: Sequence[SelectionSetNode]) -> Selected:
        """The fields that these selection sets ask of an object of this type."""
        selected: Selected = {}
        visited: set[str] = set()
        for selection_set in selection_sets:
            self._collect(type_, selection_set, selected, visited)
        return selected

    def below(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Selected:
        """The fields that these field nodes ask of their value, if that is an object of this type."""
        return self.fields(type_, [node.selection_set for node in nodes if node.selection_set is not None])

    def arguments(self, field: GraphQLField, node: FieldNode) -> dict[str, Tree]:
        """The field's arguments; one that is neither given nor has a default is absent."""
        nodes = {argument.name.value: argument.value for argument in node.arguments or ()}
        given: dict[str, Tree] = {}
        for name, argument in field.args.items():
            tree = tree_of(nodes[name], argument.type, self.variables) if name in nodes else MISSING
            if tree is MISSING:
                tree = default_of(argument)
            if tree is not MISSING:
                given[name] = tree
        return given

    def _collect(
        self, type_: GraphQLObjectType, selection_set: SelectionSetNode, selected: Selected, visited: set[str]
    ) -> None:
        for node in selection_set.selections:
            if node.directives and not all(map(self._includes, node.directives)):
                continue
            match node:
                case FieldNode():
                    key = node.alias.value if node.alias else node.name.value
                    selected.setdefault(key, []).append(node)
                case InlineFragmentNode():
                    if node.type_condition is None or self._applies(node.type_condition.name.value, type_):
                        self._collect(type_, node.selection_set, selected, visited)
                case FragmentSpreadNode():
                    name = node.name.value
                    if name not in visited:
                        visited.add(name)
                        fragment = self._fragments[name]
                        if self._applies(fragment.type_condition.name.value, type_):
                            self._collect(type_, fragment.selection_set, selected, visited)

    def _applies(self, name: str, type_: GraphQLObjectType) -> bool:
        if name == type_.name:
            return True
        condition = self._schema.get_type(name)
        return isinstance(condition, (GraphQLInterfaceType, GraphQLUnionType)) and self._schema.is_sub_type(
            condition, type_
        )

    def _includes(self, directive: DirectiveNode) -> bool:
        if directive.name.value not in {"skip", "include"}:
            return True
        (condition,) = directive.arguments or ()
        match condition.value:
            case VariableNode(name=name):
                value = self.variables[name.value]
            case BooleanValueNode(value=value):
                pass
            case _:
                raise AssertionError(condition.value)
        return bool(value) == (directive.name.value == "include")
