"""Global ids: objects that can be asked for again."""

from __future__ import annotations

import strawberry
from strawberry.scalars import ID

from cdp.plan.fields import column


def id_sql(type_name: str, *numbers: str) -> str:
    """The global id as PostgreSQL writes it; the same text as cdp.model.ids.encode_id."""
    text = " || ':' || ".join([f"'{type_name}'", *numbers])
    return rf"translate(encode(convert_to({text}, 'UTF8'), 'base64'), E'+/=\n', '-_')"


@strawberry.interface(description="An object with an id by which it can be asked for again.")
class Node:
    """Anything with a global id."""

    id: ID = column(
        "NULL", description="Opaque id; of an object that went into another one it keeps leading to that."
    )


def global_id(type_name: str, *numbers: str) -> ID:
    """The id of a type that is a Node."""
    found: ID = column(
        id_sql(type_name, *numbers),
        description="Opaque id; of an object that went into another one it keeps leading to that.",
    )
    return found
