"""Validation in bounded time: linear rules, few errors, and suggestions only where they are cheap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OverlappingFieldsCanBeMergedRule,
    specified_rules,
    validate,
)

from cdp.graphql.overlaps import overlaps

MOST_ERRORS = 20
"""That a document is told of."""

SUGGESTING = 500
"""Tokens of a document up to which errors suggest what may have been meant: to look for it takes its time."""

_RULES = tuple(
    rule
    for rule in specified_rules
    if rule is not OverlappingFieldsCanBeMergedRule
    # Of directives that the schema does not have, and that are refused as unknown.
    and not rule.__name__.startswith(("Defer", "Stream"))
)


def errors_of(schema: GraphQLSchema, document: DocumentNode, *, tokens: int) -> Sequence[GraphQLError]:
    """What is wrong with a document; nothing with a valid one."""
    errors = validate(schema, document, _RULES, max_errors=MOST_ERRORS, hide_suggestions=tokens > SUGGESTING)
    return errors or list(islice(overlaps(schema, document), MOST_ERRORS))
