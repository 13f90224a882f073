"""The pool: connections that act as the application role, each bound to one workspace at a time.

Row-level security compares `workspace_id` with the connection's setting `cdp.workspace_id`. The pool sets it when a
connection goes to another workspace than before, and only then: a round trip that most requests do without. Nothing
else of a connection's session is cleared between two uses, so statements change the session with `SET LOCAL` only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from cdp.db.arrays import set_array_codecs
from cdp.db.connecting import CONNECT_TIMEOUT, LOST, describe, reaching, reason
from cdp.db.turns import Turns
from cdp.errors import Unavailable
from cdp.model import WorkspaceId
from cdp.telemetry import took

Connection: TypeAlias = PoolConnectionProxy
"""What `Database` hands out: used as an asyncpg connection, valid inside its `async with` only."""

_BIND = "SELECT set_config('cdp.workspace_id', $1, false)"

# Reads: planning the statement of one profile anew takes 1.5 ms, running it 0.1 ms, so the first plan is kept. It may
# have been made while a table was small, and must not be one that reads the table whole: every table has an index that
# begins with the workspace, and what is left to the planner is in which order to use them.
_KEEP_PLANS = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}

# A write takes arrays of one or of thousands: a plan that PostgreSQL keeps for any length, made while the tables were
# small, was measured a hundred times slower than one made for the call.
_PLAN_ANEW = (
    "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = on; "
    "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on"
)
_KEEP_ON = (
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off; "
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"
)
_UNBOUND = ""

_RELEASE_TIMEOUT = 2.0
"""Seconds that a server may take to give up a statement that nobody waits for; then the connection is cut."""

_NOTHING_ELSE: Mapping[str, str] = MappingProxyType({})


FEW = 32
"""Rows up to which it takes longer to plan a statement than to run it by a plan that fits any number."""


@asynccontextmanager
async def planned_for(connection: Connection, rows: int) -> AsyncIterator[None]:
    """In a transaction that keeps plans, have the block's statements planned anew where they join many rows."""
    session: _Session = connection._con  # noqa: SLF001 - the proxy hides the attributes of our own subclass
    if rows <= FEW or not session.keeps_plans:
        yield
        return
    await connection.execute(_PLAN_ANEW)
    yield
    await connection.execute(_KEEP_ON)


_WORTH_A_WORD = 0.001
"""Seconds of waiting for a free connection that are counted; nearly always there is one."""


class _Session(asyncpg.Connection):  # type: ignore[misc] # asyncpg ships no types
    """A connection that remembers what it is bound to (None: not known), and whether its transaction keeps plans."""

    __slots__ = ("bound_to", "keeps_plans")

    bound_to: str | None
    keeps_plans: bool

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.bound_to = None
        self.keeps_plans = False

    def get_reset_query(self) -> str:
        # An open transaction is rolled back all the same; the binding is checked before the next use.
        return ""


class Database:
    """A pool of connections to one database; make it with `Database.connect`."""

    def __init__(self, pool: asyncpg.Pool, *, url: str, acquire_timeout: float) -> None:
        self._pool = pool
        self._acquire_timeout = acquire_timeout
        self._turns = Turns(pool.get_max_size())
        self.address = describe(url)

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        min_size: int = 1,
        max_size: int = 10,
        role: str | None = "diptych_app",
        acquire_timeout: float = 5.0,
        session: Mapping[str, str] = _NOTHING_ELSE,
    ) -> Database:
        """Open the pool.

        Args:
            url: of any login that may become `role`; the owner's will do.
            min_size: connections that are opened at once and kept.
            max_size: connections at most.
            role: what every connection acts as; None leaves the login's own, for the owner's work.
            acquire_timeout: longest wait for a free connection, in seconds.
            session: settings of PostgreSQL for every connection, such as time limits.

        Raises:
            Unavailable: the database does not answer.
            Misconfigured: it refuses the login, or the login may not become `role`.
        """
        session = {"application_name": "diptych", "timezone": "UTC", **_KEEP_PLANS, **session}
        if role is not None:
            session["role"] = role
        with reaching(url):
            pool = await asyncpg.create_pool(
                url,
                min_size=min_size,
                max_size=max_size,
                connection_class=_Session,
                init=_set_codecs,
                server_settings=session,
                timeout=CONNECT_TIMEOUT,
                # The planner's statements are long and few: keep them prepared.
                statement_cache_size=500,
                max_cached_statement_lifetime=0,
                max_cacheable_statement_size=1024 * 256,
            )
        return cls(pool, url=url, acquire_timeout=acquire_timeout)

    def connections(self) -> tuple[int, int, int]:
        """How many there are, how many of them are free, and how many there may be."""
        return self._pool.get_size(), self._pool.get_idle_size(), self._pool.get_max_size()

    async def close(self) -> None:
        """Wait for the connections in use, then close them all."""
        await self._pool.close()

    def connection(self, workspace_id: WorkspaceId) -> AbstractAsyncContextManager[Connection]:
        """A connection that sees this workspace alone, each statement its own transaction.

        Raises:
            Unavailable: no connection was free in time, or the database went away.
        """
        return self._bound(str(workspace_id))

    @asynccontextmanager
    async def transaction(
        self,
        workspace_id: WorkspaceId,
        *,
        isolation: Literal["read_committed", "repeatable_read", "serializable"] = "read_committed",
        readonly: bool = False,
        keep_plans: bool = False,
    ) -> AsyncIterator[Connection]:
        """A connection that sees this workspace alone, in a transaction that an error or a cancellation undoes.

        Args:
            workspace_id: which one.
            isolation: of the transaction.
            readonly: whether it only reads.
            keep_plans: whether it writes by plans that were made for arrays of any length: for statements that go row
                by row by an index, and join no two arrays.

        Raises:
            Unavailable: no connection was free in time, or the database went away; nothing was committed, unless it
                went away while it committed: repeat what is idempotent.
        """
        async with self._bound(str(workspace_id)) as connection:
            async with connection.transaction(isolation=isolation, readonly=readonly):
                connection._con.keeps_plans = keep_plans  # noqa: SLF001 - as in `planned_for`
                if not readonly and not keep_plans:
                    await connection.execute(_PLAN_ANEW)
                yield connection
                done = perf_counter()
            if not readonly:
                took("commit", perf_counter() - done)

    def unbound(self) -> AbstractAsyncContextManager[Connection]:
        """A connection bound to no workspace: it sees no row of any, and may call the functions made for that.

        Raises:
            Unavailable: no connection was free in time, or the database went away.
        """
        return self._bound(_UNBOUND)

    @asynccontextmanager
    async def _bound(self, binding: str) -> AsyncIterator[Connection]:
        connection = await self._acquire(binding)
        session: _Session = connection._con  # noqa: SLF001 - the proxy hides the attributes of our own subclass
        try:
            if session.bound_to != binding:
                # Not known until it is done: a cancellation may come before or after the server has obeyed.
                session.bound_to = None
                await connection.execute(_BIND, binding)
                session.bound_to = binding
            yield connection
        except (*LOST, asyncpg.InternalClientError) as error:
            # Also what asyncpg says when the server's farewell arrived while the connection lay idle.
            session.terminate()
            raise self._lost(error) from error
        except asyncpg.InterfaceError as error:
            if session.is_closed():
                raise self._lost(error) from error
            raise
        finally:
            try:
                await self._pool.release(connection, timeout=_RELEASE_TIMEOUT)
            finally:
                self._turns.give_back(binding)

    async def _acquire(self, binding: str) -> Connection:
        asked = perf_counter()
        try:
            await self._turns.take(binding, self._acquire_timeout)
            return await self._acquire_free(binding)
        finally:
            if (waited := perf_counter() - asked) > _WORTH_A_WORD:
                took("pool.wait", waited)

    async def _acquire_free(self, binding: str) -> Connection:
        """A connection, for one whose turn it is: free, or made anew."""
        connection: Connection | None = None
        try:
            # To wait for a timeout is dear, and rarely is there anything to wait for.
            free = self._pool.get_idle_size()
            connection = await self._pool.acquire(timeout=None if free else self._acquire_timeout)
        except (*LOST, OSError) as error:
            raise self._lost(error) from error
        finally:
            if connection is None:
                self._turns.give_back(binding)
        return connection

    def _lost(self, error: BaseException) -> Unavailable:
        return Unavailable(
            f"The connection to PostgreSQL at {self.address} was lost ({reason(error)}); try again."
        )


async def _set_codecs(connection: asyncpg.Connection) -> None:
    """Pass JSON through as text, both ways: callers encode and decode, if they must at all; arrays go in one go."""
    set_array_codecs(connection)
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=_to_bytes, decoder=bytes.decode, format="binary"
    )
    # In PostgreSQL's binary format a byte with the version, 1, goes before the text of jsonb.
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda text: b"\x01" + _to_bytes(text),
        decoder=lambda data: data[1:].decode(),
        format="binary",
    )


def _to_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
