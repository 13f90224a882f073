"""Documents: parsed, checked and validated once, then kept by their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Undefined,
    VariableNode,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    is_input_type,
    is_leaf_type,
    parse,
    type_from_ast,
    visit,
)
from graphql.language import DirectiveNode, Visitor
from graphql.utilities import coerce_input_value
from msgspec.structs import replace

from cdp.graphql.limits import Limits, TooComplex, check
from cdp.graphql.scanning import scan
from cdp.graphql.validating import MOST_ERRORS, errors_of
from cdp.plan.cost import cost_of
from cdp.plan.plans import Recent
from cdp.plan.values import Variables, shape
from cdp.telemetry import count

MOST_DOCUMENTS = 2_000
MOST_CHARACTERS = 1_000_000
"""Of all documents that are kept; parsed, each takes about a hundred bytes."""
STRANGERS_TOKENS = 1_000
"""In a document that comes without a key: it can ask for the schema only, and GraphiQL does so with some 200."""


class Refused(Exception):
    """A document that is not run, with all that is wrong with it."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = errors


class Operation:
    """One operation of a valid document; compared by identity, as plans are kept under it."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode) -> None:
        self.document = document
        self.node = node
        self.fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self.is_query = node.operation == OperationType.QUERY
        self.is_mutation = node.operation == OperationType.MUTATION
        self.is_subscription = node.operation == OperationType.SUBSCRIPTION
        root = schema.get_root_type(node.operation)
        assert root is not None
        self.root = root
        """The type whose fields it asks for."""
        self.root_names = _root_names(node.selection_set, self.fragments, set())
        """The fields of the root that it may ask for."""
        self.cost = cost_of(schema, node, self.fragments)
        """What it may cost, with which variables."""
        self._deciding = _deciding(document)
        self._types: dict[str, GraphQLInputType] = {}
        for definition in node.variable_definitions or ():
            type_ = type_from_ast(schema, definition.type)
            assert is_input_type(type_)
            self._types[definition.variable.name.value] = type_
        self._are_plain = all(
            is_leaf_type(get_nullable_type(self._types[definition.variable.name.value]))
            and definition.default_value is None
            for definition in node.variable_definitions or ()
        )

    @property
    def is_introspection(self) -> bool:
        """Whether it asks for nothing but the schema."""
        return self.is_query and all(name.startswith("__") for name in self.root_names)

    def plain_values(self, given: Variables) -> Variables | None:
        """The variables, coerced, where each is a scalar that is given and fits; None: let graphql-core see to it."""
        if not self._are_plain:
            return None
        values = {}
        for name, type_ in self._types.items():
            value = coerce_input_value(given[name], type_) if name in given else Undefined
            if value is Undefined:
                return None
            values[name] = value
        return values

    def shape_of(self, variables: Variables) -> Any:
        """What of the variables decides the plan: what directives ask for as it is, of the rest the structure."""
        return tuple(
            (name, variables[name] if name in self._deciding else shape(variables[name], type_))
            for name, type_ in self._types.items()
            if name in variables
        )

    def check_inputs(self, variables: Variables, limits: Limits) -> None:
        """Do nothing if the variables of a mutation, as they came, hold no more input objects than may be.

        Raises:
            TooComplex: they do.
        """
        found = sum(
            _inputs(variables[name], type_, limits.inputs)
            for name, type_ in self._types.items()
            if name in variables
        )
        if found > limits.inputs:
            raise TooComplex(
                f"The variables of a mutation may hold {limits.inputs:,} input objects; these hold more."
            )


class Document:
    """A valid document."""

    def __init__(self, schema: GraphQLSchema, node: DocumentNode) -> None:
        self._schema = schema
        self._node = node
        self._operations: dict[str | None, Operation | None] = {}

    def operation(self, name: str | None) -> Operation | None:
        """The operation of that name, or the only one; None: there is none, or the choice is not clear."""
        if name not in self._operations:
            if len(self._operations) > MOST_ERRORS:
                self._operations.clear()
            node = get_operation_ast(self._node, name)
            self._operations[name] = Operation(self._schema, self._node, node) if node is not None else None
        return self._operations[name]


class Documents:
    """The documents that a process knows."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._strangers = replace(limits, tokens=min(limits.tokens, STRANGERS_TOKENS))
        self._known: Recent[Document] = Recent(MOST_DOCUMENTS, characters=MOST_CHARACTERS)

    def read(self, text: str, *, of_stranger: bool = False) -> Document:
        """The document of a text. Strangers' documents have narrower limits, and none of them is kept.

        Raises:
            Refused: it is no document, goes beyond a limit, or does not fit the schema.
        """
        known = self._known.get(text)
        count("graphql.document", "miss" if known is None else "hit")
        if known is not None:
            return known
        if of_stranger:
            return self._read(text, self._strangers)
        return self._known.put(text, self._read(text, self._limits), len(text))

    def _read(self, text: str, limits: Limits) -> Document:
        try:
            tokens = scan(text, limits)
            node = parse(text)
            check(node, limits)
            errors = errors_of(self._schema, node, tokens=tokens)
        except RecursionError:
            raise Refused([TooComplex("This document nests too deeply.")]) from None
        except GraphQLError as error:
            raise Refused([error]) from None
        if errors:
            raise Refused(errors)
        return Document(self._schema, node)


def _root_names(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], visited: set[str]
) -> frozenset[str]:
    names: set[str] = set()
    for node in selection_set.selections:
        match node:
            case FieldNode(name=name):
                names.add(name.value)
            case FragmentSpreadNode(name=name):
                if name.value not in visited:
                    visited.add(name.value)
                    names |= _root_names(fragments[name.value].selection_set, fragments, visited)
            case InlineFragmentNode():
                names |= _root_names(node.selection_set, fragments, visited)
    return frozenset(names)


def _inputs(value: Any, type_: GraphQLInputType, most: int) -> int:
    """Input objects in a variable's value, as far as they are to be counted; JSON has none."""
    if isinstance(type_, GraphQLNonNull):
        return _inputs(value, type_.of_type, most)
    if isinstance(type_, GraphQLList):
        items = value if isinstance(value, list) else [value]
        if is_leaf_type(get_named_type(type_)):
            return 0
        return sum(_inputs(item, type_.of_type, most) for item in items[: most + 1])
    if isinstance(type_, GraphQLInputObjectType) and isinstance(value, dict):
        return 1 + sum(
            _inputs(value[name], field.type, most) for name, field in type_.fields.items() if name in value
        )
    return 0


class _Deciding(Visitor):
    """Collects the variables in the conditions of @skip and @include."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
        if node.name.value in {"skip", "include"}:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.names.add(argument.value.name.value)


def _deciding(document: DocumentNode) -> frozenset[str]:
    visitor = _Deciding()
    visit(document, visitor)
    return frozenset(visitor.names)
