"""Secrets that the customer's servers sign visitors' tokens with: made, rotated, revoked."""

from __future__ import annotations

import secrets
import string
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, NotFound
from cdp.model import WorkspaceId

queries = load_queries("cdp.access.visitors", "visitors.sql")

MOST_SECRETS = 10
"""Good ones of one workspace."""
LONGEST_OVERLAP = timedelta(days=30)
USUAL_OVERLAP = timedelta(hours=24)

_ALPHABET = string.digits + string.ascii_letters
_LONGEST_NAME = 200


class Sealing(Protocol):
    """Keeps from the database what it stores; see cdp.ingest.seals."""

    def seal(self, workspace_id: WorkspaceId, body: bytes) -> bytes | None:
        """The text, sealed; None: there is no key to seal with."""

    def open(self, workspace_id: WorkspaceId, body: bytes) -> bytes:
        """The text as it was."""


class VisitorSecret(Struct, frozen=True, kw_only=True):
    """A secret as it may be listed: without what signs."""

    secret_id: int
    name: str
    kid: str
    created_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Whether tokens that are signed with it are taken."""
        return self.revoked_at is None and (self.ends_at is None or self.ends_at > now)


class NewSecret(Struct, frozen=True, kw_only=True):
    """A new secret, the only time that it can be read."""

    secret_id: int
    kid: str
    """Goes into the head of every token."""
    secret: str
    """What HMAC-SHA256 is given, as it is written here."""


async def create_secret(
    connection: Connection, workspace_id: WorkspaceId, name: str, *, now: datetime, sealing: Sealing
) -> NewSecret:
    """Make a secret, in the caller's transaction.

    Raises:
        BadInput: the name is empty, too long, or holds control characters.
        Conflict: the workspace has as many as it may.
    """
    name = name.strip()
    if not 0 < len(name) <= _LONGEST_NAME or not name.isprintable():
        raise BadInput(f"Name the secret with 1 to {_LONGEST_NAME} printable characters.", field=("name",))
    kid, secret = f"cdp_vis_{_random(22)}", f"cdp_vsec_{_random(43)}"
    kept = sealing.seal(workspace_id, secret.encode()) or secret.encode()
    secret_id = await connection.fetchval(
        queries.insert_secret, workspace_id, name, kid, kept, MOST_SECRETS, now
    )
    if secret_id is None:
        raise Conflict(f"A workspace has {MOST_SECRETS} good secrets at most; revoke one.")
    return NewSecret(secret_id=secret_id, kid=kid, secret=secret)


async def rotate_secret(
    connection: Connection,
    workspace_id: WorkspaceId,
    secret_id: int,
    *,
    now: datetime,
    sealing: Sealing,
    overlap: timedelta = USUAL_OVERLAP,
) -> NewSecret:
    """Make another in place of a secret, which stays good for the overlap; in the caller's transaction.

    Raises:
        NotFound: the workspace has no such secret, or it has ended.
        BadInput: the overlap is too long.
        Conflict: the workspace has as many as it may.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadInput(
            f"The old secret stays good for {LONGEST_OVERLAP.days} days at most.", field=("overlap",)
        )
    old = await connection.fetchrow(queries.find_secret, workspace_id, secret_id)
    if old is None or not (secret := VisitorSecret(**old)).is_good(now):
        raise NotFound(f"There is no good secret {secret_id} in this workspace.", field=("id",))
    await connection.execute(queries.end_secret, workspace_id, secret_id, now + overlap)
    return await create_secret(connection, workspace_id, secret.name, now=now, sealing=sealing)


async def revoke_secret(
    connection: Connection, workspace_id: WorkspaceId, secret_id: int, *, now: datetime
) -> None:
    """End a secret; within a second no process takes tokens of it. Revoking it again changes nothing.

    Raises:
        NotFound: the workspace has no such secret.
    """
    if await connection.fetchval(queries.revoke_secret, workspace_id, secret_id, now) is None:
        raise NotFound(f"There is no secret {secret_id} in this workspace.", field=("id",))


async def list_secrets(connection: Connection, workspace_id: WorkspaceId) -> list[VisitorSecret]:
    """All secrets of the workspace, ended ones too, oldest first."""
    return [VisitorSecret(**row) for row in await connection.fetch(queries.list_secrets, workspace_id)]


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
