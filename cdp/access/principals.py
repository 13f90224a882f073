"""Principals: who is asking, for which workspace, what for, and what that one may do."""

from __future__ import annotations

from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import TypeAlias

from msgspec import Struct

from cdp.access.scopes import GRANTABLE, NO_SCOPES, KeyRole, Scopes
from cdp.errors import Forbidden
from cdp.model import WorkspaceId

Network: TypeAlias = IPv4Network | IPv6Network


class PrincipalKind(StrEnum):
    """By what somebody is known."""

    KEY = "KEY"
    TOKEN = "TOKEN"  # noqa: S105 - a name
    """A JWT of an issuer that the workspace trusts."""
    VISITOR = "VISITOR"
    """A token that the customer's own server signed for one person."""
    OPERATOR = "OPERATOR"
    """Whoever runs commands beside the database."""
    PLUGIN = "PLUGIN"


class Peer(Struct, frozen=True):
    """Where a request comes from."""

    address: str | None
    """IP address of the client, once proxies that are trusted were taken off; None: not known."""
    origin: str | None = None
    """Of the web page that asks, as browsers write it; None: no page does."""


class Principal(Struct, frozen=True, kw_only=True):
    """Who is asking, and what that one may do."""

    workspace_id: WorkspaceId
    kind: PrincipalKind
    subject: str
    """A stable name for the audit log and for limits: `key:12`, `token:ISSUER:SUB`, `visitor:KIND:HASH`, `operator`,
    `plugin:NAME`."""
    name: str
    """For people to read."""
    role: str
    """A preset, or a role that the workspace defines."""
    scopes: Scopes
    key_id: int = 0
    """0: there is no key."""
    publishable: bool = False
    """Whether anybody may have got hold of what it shows: it may write events, and read nothing."""
    visitor: tuple[str, str] | None = None
    """Kind and value of the identifier that a visitor's token proves."""
    purpose: str | None = None
    """What the data is wanted for, where the caller says so: a value of `cdp.model.Purpose`."""
    networks: tuple[Network, ...] = ()
    """Where it may be used from; empty: from anywhere."""
    origins: frozenset[str] = frozenset()
    """Web pages that it may be used from; empty: from anywhere."""

    def require(self, scope: str) -> None:
        """Do nothing if the principal has the scope.

        Raises:
            Forbidden: it has not.
        """
        if scope not in self.scopes:
            raise Forbidden(f"This needs the scope {scope}, which the role {self.role} does not have.")


def operator(workspace_id: WorkspaceId, declared: Scopes = NO_SCOPES) -> Principal:
    """Whoever runs commands beside the database, and could read it without asking us.

    Args:
        workspace_id: that the command is about.
        declared: scopes that the labels take which plugins of this process declare.
    """
    return Principal(
        workspace_id=workspace_id,
        kind=PrincipalKind.OPERATOR,
        subject="operator",
        name="command line",
        role=KeyRole.ADMIN.value,
        scopes=GRANTABLE | declared,
    )
