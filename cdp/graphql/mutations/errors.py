"""What a mutation answers when it cannot do what was asked."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry.utils.str_converters import to_camel_case

from cdp.errors import BadInput, Conflict, DiptychError, NotFound, TooLarge

ExpectedFailure = BadInput | NotFound | Conflict
"""What a caller can mend: data in the payload. Everything else is an error of the whole field."""


@strawberry.enum(description="Why a mutation changed nothing.")
class UserErrorCode(Enum):
    """Kinds of expected failure."""

    BAD_USER_INPUT = strawberry.enum_value(
        "BAD_USER_INPUT", description="A value cannot be used; the message says which and why."
    )
    NOT_FOUND = strawberry.enum_value(
        "NOT_FOUND",
        description="There is no such object in this workspace, or the id is one of another type.",
    )
    CONFLICT = strawberry.enum_value(
        "CONFLICT", description="It contradicts what is stored, such as merging a profile into itself."
    )
    TOO_LARGE = strawberry.enum_value("TOO_LARGE", description="More than the limit that the message names.")


@strawberry.type(description="An expected failure: nothing was changed, and the message says what to do.")
class UserError:
    """One expected failure of a mutation."""

    code: UserErrorCode = strawberry.field(description="Kind of failure, for programs.")
    field: list[str] = strawberry.field(
        description='Path to the value at fault, such as `["input", "into"]`; just `["input"]` where it is the whole.'
    )
    message: str = strawberry.field(description="A sentence for a person.")


def user_error(error: ExpectedFailure) -> UserError:
    """The failure as data. `error.field` is a path below the mutation's input."""
    return UserError(
        code=_code(error),
        field=["input", *(to_camel_case(part.rstrip("_")) for part in error.field)],
        message=error.message,
    )


def _code(error: DiptychError) -> UserErrorCode:
    match error:
        case TooLarge():
            return UserErrorCode.TOO_LARGE
        case NotFound():
            return UserErrorCode.NOT_FOUND
        case Conflict():
            return UserErrorCode.CONFLICT
        case _:
            return UserErrorCode.BAD_USER_INPUT


def no_errors() -> list[UserError]:
    """What a mutation answers that was carried out; a field default."""
    return []
