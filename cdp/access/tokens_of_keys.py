"""What a key is made of, looks like, and is stored as."""

from __future__ import annotations

import hashlib
import re
import secrets
import string

_ALPHABET = string.digits + string.ascii_letters
_RANDOM_BYTES = 32
_RANDOM_LENGTH = 43
"""Digits of base 62 that hold 32 bytes."""
_SHAPE = re.compile(r"cdp_(?:pub|sec)_[0-9A-Za-z]{43}")

SHOWN = len("cdp_sec_") + 4
"""The first characters, that tell keys apart and are stored as they are."""


def make_token(*, publishable: bool) -> str:
    """A new key: 32 random bytes in base 62, so that a double click selects all of it."""
    number = int.from_bytes(secrets.token_bytes(_RANDOM_BYTES))
    digits = []
    for _ in range(_RANDOM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return f"cdp_{'pub' if publishable else 'sec'}_{''.join(digits)}"


def looks_like_key(token: str) -> bool:
    """Whether this could be a key of ours at all."""
    return _SHAPE.fullmatch(token) is not None


def hash_token(token: str) -> bytes:
    """What is stored and looked up. A key has 256 random bits: no salt and no slow hash would add anything."""
    return hashlib.sha256(token.encode()).digest()
