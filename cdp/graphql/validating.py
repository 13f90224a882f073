"""Validation in bounded time: linear rules, few errors, and suggestions only where they are cheap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from graphql import (
    ArgumentNode,
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    ListValueNode,
    ObjectValueNode,
    OverlappingFieldsCanBeMergedRule,
    ValueNode,
    specified_rules,
    validate,
)

from cdp.graphql.limits import TooComplex
from cdp.graphql.overlaps import overlaps

MOST_ERRORS = 20
"""That a document is told of."""

FEW_ERRORS = 3
"""That a large one is told of: an error quotes what it is about, which may be most of the document."""

SUGGESTING = 500
"""Tokens of a document up to which errors suggest what may have been meant: to look for it takes its time."""

MOST_NAMES = 100
"""Fields of an object in a document; the largest input type has some thirty. An error quotes all of them."""


class SmallObjectsRule(ASTValidationRule):
    """No argument holds an object with more fields than any type has; JSON of that size travels in variables."""

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        """Look at one argument.

        Raises:
            TooComplex: it does.
        """
        values: list[ValueNode] = [node.value]
        while values:
            match values.pop():
                case ObjectValueNode(fields=fields):
                    if len(fields) > MOST_NAMES:
                        raise TooComplex(
                            f"An object in a document may have {MOST_NAMES} fields; send larger ones in variables."
                        )
                    values.extend(field.value for field in fields)
                case ListValueNode(values=items):
                    values.extend(items)


_RULES: tuple[type[ASTValidationRule], ...] = (
    SmallObjectsRule,
    *(
        rule
        for rule in specified_rules
        if rule is not OverlappingFieldsCanBeMergedRule
        # Of directives that the schema does not have, and that are refused as unknown.
        and not rule.__name__.startswith(("Defer", "Stream"))
    ),
)


def errors_of(schema: GraphQLSchema, document: DocumentNode, *, tokens: int) -> Sequence[GraphQLError]:
    """What is wrong with a document; nothing with a valid one.

    Raises:
        TooComplex: to find out would take too long.
    """
    errors = validate(schema, document, _RULES, max_errors=MOST_ERRORS, hide_suggestions=tokens > SUGGESTING)
    return errors or list(islice(overlaps(schema, document), MOST_ERRORS))
