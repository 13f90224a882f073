"""What the compiler makes of a field of the document, besides its SQL."""

from __future__ import annotations

from collections.abc import Mapping

from graphql import FieldNode
from msgspec import Struct

from cdp.plan.fields import Batch, Given
from cdp.plan.values import Leaf

Path = tuple[str, ...]

TYPE_KEY = "$type"
"""Where an object that the ordinary executor completes says of which type it is."""
NEEDS_KEY = "$needs"
"""Where it has the columns that its computed fields require."""


class Refused(Struct, frozen=True):
    """A field of the document that the caller may not see: null, and this error once."""

    path: Path
    node: FieldNode
    message: str
    code: str = "FORBIDDEN"
    more: Mapping[str, str] = {}
    """Further extensions of the error."""
    concerns: tuple[Leaf, str] | None = None
    """The id and the type that it must be of for the field to be asked at all; None: it always is."""


class Computation(Struct, frozen=True):
    """A computed field of the document."""

    path: Path
    type_name: str
    batch: Batch
    requires: frozenset[str]
    given: Given
    node: FieldNode


class Compiled(Struct, frozen=True):
    """What became of one field at the root of a statement."""

    sql: str
    refused: tuple[Refused, ...]
    computations: tuple[Computation, ...]
