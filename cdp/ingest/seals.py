"""Sealing what must not lie in the database as it came: refused items of workspaces with a guard.

A sealed body is encrypted and signed (Fernet: AES-128-CBC, HMAC-SHA256) with a key that only processes have, not the
database: whoever reads tables or backups cannot read it. It belongs to one workspace and cannot be opened as another's.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from cdp.errors import BadInput, Misconfigured
from cdp.model import WorkspaceId

_MARK = b"sealed:"
_KEY_BYTES = 32


class Seals:
    """Seals with the first of its keys, opens with any: put a new key first, and drop the old one 30 days later.

    Args:
        keys: 32 random bytes each, in base64, separated by commas; None: nothing can be sealed.

    Raises:
        Misconfigured: one of them is no key.
    """

    def __init__(self, keys: str | None = None) -> None:
        self._keys = None
        if keys is not None and keys.strip():
            self._keys = MultiFernet([Fernet(_key(one)) for one in keys.split(",")])

    @property
    def present(self) -> bool:
        """Whether anything can be sealed."""
        return self._keys is not None

    def seal(self, workspace_id: WorkspaceId, body: bytes) -> bytes | None:
        """The body, sealed; None: there is no key."""
        if self._keys is None:
            return None
        return _MARK + self._keys.encrypt(_owner(workspace_id) + body)

    def open(self, workspace_id: WorkspaceId, body: bytes) -> bytes:
        """The body as it was before it was sealed, if it was.

        Raises:
            BadInput: it was sealed with a key that this process does not have.
        """
        if not is_sealed(body):
            return body
        owner = _owner(workspace_id)
        try:
            if self._keys is not None:
                text = self._keys.decrypt(body.removeprefix(_MARK))
                if text.startswith(owner):
                    return text.removeprefix(owner)
        except InvalidToken:
            pass
        raise BadInput("It is sealed with a key that is not among CDP_SEAL_KEYS.")


def is_sealed(body: bytes) -> bool:
    """Whether it cannot be read as it is."""
    return body.startswith(_MARK)


def _owner(workspace_id: WorkspaceId) -> bytes:
    return b"%d:" % workspace_id


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise Misconfigured(
            "CDP_SEAL_KEYS holds something that is no key; make one with `openssl rand -base64 32`."
        )
    return base64.urlsafe_b64encode(key)
