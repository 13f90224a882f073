"""Ids as types, and the opaque global ids that GraphQL shows for them."""

from __future__ import annotations

import base64
import binascii
from typing import NewType

from cdp.errors import BadInput

WorkspaceId = NewType("WorkspaceId", int)
ProfileId = NewType("ProfileId", int)
AccountId = NewType("AccountId", int)
"""0 stands for «in no account»."""
NodeId = NewType("NodeId", int)
EventId = NewType("EventId", int)

NO_ACCOUNT = AccountId(0)

_LARGEST = 2**63 - 1


def encode_id(type_name: str, *numbers: int) -> str:
    """The opaque id of an object: URL-safe base64 of `Type:number[:number]`, without padding."""
    text = ":".join((type_name, *map(str, numbers)))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_id(text: str) -> tuple[str, tuple[int, ...]]:
    """The reverse of `encode_id`.

    Raises:
        BadInput: this was never an id of ours.
    """
    try:
        decoded = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
        type_name, *numbers = decoded.split(":")
        parts = tuple(int(number) for number in numbers if number.isascii() and number.isdigit())
    except (binascii.Error, UnicodeError, ValueError):
        raise BadInput(f"{text[:80]!r} is not an id.") from None
    if not type_name.isalpha() or not parts or len(parts) != len(numbers) or max(parts) > _LARGEST:
        raise BadInput(f"{text[:80]!r} is not an id.")
    return type_name, parts


def decode_id_of(type_name: str, text: str) -> int:
    """The number in an id that must be of `type_name`.

    Raises:
        BadInput: not an id, or one of another type.
    """
    found, numbers = decode_id(text)
    if found != type_name or len(numbers) != 1:
        raise BadInput(f"{text[:80]!r} is not the id of {type_name}.")
    return numbers[0]
