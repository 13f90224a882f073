"""Adding to the log, in the transaction of what is recorded: both are there, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from cdp.audit.chain import canonical
from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.model import WorkspaceId

queries = load_queries("cdp.audit", "store.sql")

_LONGEST_DETAIL = 16_000
"""Bytes of JSON."""
_LONGEST = 500
"""Characters of everything else."""


class Acting(Protocol):
    """Who does something: every `cdp.access.principals.Principal`."""

    @property
    def workspace_id(self) -> WorkspaceId:
        """Whose log it stands in."""

    @property
    def subject(self) -> str:
        """Its stable name, such as `key:12`, `token:3:ann`, `operator`."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def role(self) -> str:
        """Its preset or custom role."""

    @property
    def purpose(self) -> str | None:
        """What it says that it does this for."""


async def record(
    connection: Connection, principal: Acting, act: str, target: str, detail: Mapping[str, Any]
) -> None:
    """Add an administrative act to the log of the principal's workspace.

    Call it **last in the transaction of the act**, on its connection: from here to the commit, others who record in
    this workspace wait. If the transaction fails, the entry goes with it. Do not call it for what changed nothing.

    Args:
        connection: bound to the workspace, in the transaction that does what is recorded.
        principal: who does it. On the command line `cdp.access.principals.operator(workspace_id)`.
        act: what was done, as the mutation for it is called (`keyCreate`, `accessRoleDefine`), also on the command
            line.
        target: what it was done to: the global id if there is one, else the name (`SALES_EMEA`), else "".
        detail: what anybody needs to understand the act later: roles, scopes, names of settings, times as RFC 3339.
            **Never a secret or its hash, and never what identifies a person**: this log is never deleted from. JSON
            values; what is longer than 16,000 bytes is replaced by its names.

    Raises:
        TypeError: the detail holds something else than JSON.
    """
    text = canonical(detail).encode(errors="replace").decode()
    if len(text.encode()) > _LONGEST_DETAIL:
        text = canonical({"omitted_bytes": len(text.encode()), "names": sorted(detail)[:100]})
    await connection.execute(
        queries.append,
        principal.workspace_id,
        _storable(principal.subject),
        _storable(principal.name),
        _storable(principal.role),
        None if principal.purpose is None else _storable(principal.purpose),
        act,
        _storable(target),
        text,
    )
    heard().append(act)


_listening: ContextVar[list[str] | None] = ContextVar("listening", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Hear of the acts that are recorded in the block: for those who record what nobody else did."""
    acts: list[str] = []
    token = _listening.set(acts)
    try:
        yield acts
    finally:
        _listening.reset(token)


def heard() -> list[str]:
    """The acts that were recorded where somebody listens; take out those of a transaction that is tried anew."""
    found = _listening.get()
    return [] if found is None else found


def _storable(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()[:_LONGEST]
