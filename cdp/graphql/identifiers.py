"""Identifiers: what points at a person."""

from __future__ import annotations

from datetime import datetime

import strawberry

from cdp.plan.fields import column, masked
from cdp.plan.labels import PII
from cdp.plan.personal import masked_identifier


@strawberry.type(
    description="Something that points at a person: a user id, an e-mail address, a phone number, …"
)
class Identifier:
    """A (kind, value) pair."""

    kind: str = column(
        "n.kind", description="Kind, such as `user_id`, `email`, `phone`, `anonymous_id`, `device_id`."
    )
    value: str | None = masked(
        "n.value",
        masked_identifier("n.kind", "n.value"),
        labels=PII,
        description="Value, as it is stored; made unrecognisable, such as `j•••@example.com`, for whoever may not read "
        "personal data.",
    )
    first_seen_at: datetime = column("n.created_at", description="When it was first seen.")


@strawberry.input(description="An identifier, given.")
class IdentifierInput:
    """A (kind, value) pair."""

    kind: str = strawberry.field(description="Kind, such as `user_id` or `email`.")
    value: str = strawberry.field(description="Value; it may be written in any way that means the same.")
