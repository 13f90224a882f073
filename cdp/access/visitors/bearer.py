"""Visitors' tokens as they come with requests: whose they are, and what they prove."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from cdp.access.memory import Memory
from cdp.access.principals import Principal, PrincipalKind
from cdp.access.scopes import Scope
from cdp.access.visitors.secrets import Sealing, queries
from cdp.access.visitors.token import LONGEST, NO_GOOD, VisitorToken, kid_of, over, read
from cdp.db.pool import Database
from cdp.errors import Unauthenticated
from cdp.model import Purpose, WorkspaceId

ROLE = "VISITOR"
USED = "This visitor token was used before, and may be used once."

_SCOPES = frozenset({Scope.VISITOR_READ})
_READING = b""


class _Known(Struct, frozen=True):
    workspace_id: WorkspaceId
    secret: str
    ends_at: datetime | None


class VisitorBearer:
    """Tells whose a visitor's token is."""

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it; it asks nobody before it is asked.

        Args:
            database: where secrets are looked up, and single uses noted.
            sealing: what secrets were sealed with.
            clock: the current time, that tokens expire by.
            monotonic: seconds.
        """
        self._database = database
        self._sealing = sealing
        self._clock = clock
        self.memory: Memory[str, _Known] = Memory(self._look_up, monotonic=monotonic)

    def recognises(self, token: str) -> bool:
        """Whether its head names a secret of visitors' tokens."""
        return kid_of(token) is not None

    async def principal(self, token: str) -> Principal:
        """Whose token it is: one person, who may read what is their own. A token for once is used up by this.

        Raises:
            Unauthenticated: it is not good, or was used before.
            Unavailable: the database is away, or too many unknown ones are being tried.
        """
        workspace_id, said = await self._read(token, self._clock())
        await self._use(workspace_id, said, _READING)
        return Principal(
            workspace_id=workspace_id,
            kind=PrincipalKind.VISITOR,
            subject=f"visitor:{said.kind}:{_hash(workspace_id, said)}",
            name=ROLE.lower(),
            role=ROLE,
            scopes=_SCOPES,
            visitor=(said.kind, said.value),
            purpose=Purpose.PERSONALISATION.value,
        )

    async def prove(
        self, workspace_id: WorkspaceId, token: str, *, used_for: str, at: datetime
    ) -> VisitorToken:
        """What a token proves of the sender of an event.

        Args:
            workspace_id: where the event goes.
            token: as it came.
            used_for: the event's message id: to send the same event again is no second use.
            at: when it came; a token is good if it was then.

        Raises:
            Unauthenticated: it is not good, not of that workspace, or was used for something else.
            Unavailable: as for `principal`.
        """
        issuer, said = await self._read(token, at)
        if issuer != workspace_id:
            raise Unauthenticated(NO_GOOD)
        await self._use(workspace_id, said, used_for.encode("utf-8", "replace"))
        return said

    async def _read(self, token: str, at: datetime) -> tuple[WorkspaceId, VisitorToken]:
        kid = kid_of(token)
        if kid is None:
            raise Unauthenticated(f"This is no visitor token, or it has more than {LONGEST:,} characters.")
        known = await self.memory.get(kid)
        if known is None or (known.ends_at is not None and known.ends_at <= at):
            raise Unauthenticated(NO_GOOD)
        return known.workspace_id, read(token, known.secret, now=at.timestamp())

    async def _use(self, workspace_id: WorkspaceId, said: VisitorToken, used_for: bytes) -> None:
        if said.once is None:
            return
        wanted = hashlib.sha256(used_for).digest() if used_for else b""
        expires_at = datetime.fromtimestamp(said.expires_at, UTC)
        for _ in range(2):  # the second time, who was just using it has done so
            async with self._database.connection(workspace_id) as connection:
                row = await connection.fetchrow(
                    queries.use_token, workspace_id, said.once, wanted, expires_at, self._clock()
                )
            if row is not None and (row["fresh"] or (wanted and row["used_for"] == wanted)):
                return
        raise over(USED)

    async def _look_up(self, kid: str) -> _Known | None:
        async with self._database.unbound() as connection:
            row = await connection.fetchrow(queries.secret_of_kid, kid)
        if row is None or row["revoked_at"] is not None:
            return None
        workspace_id = WorkspaceId(row["workspace_id"])
        secret = self._sealing.open(workspace_id, bytes(row["secret"])).decode()
        return _Known(workspace_id, secret, row["ends_at"])


def _hash(workspace_id: WorkspaceId, said: VisitorToken) -> str:
    return hashlib.sha256(f"{workspace_id} {said.kind} {said.value}".encode("utf-8", "replace")).hexdigest()[
        :16
    ]
