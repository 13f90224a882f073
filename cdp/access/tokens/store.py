"""Issuers in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import structs

from cdp.access.principals import Principal
from cdp.access.roles import check_granted, read_scopes, scopes_of_role
from cdp.access.scopes import NO_SCOPES, KeyRole, Scopes
from cdp.access.tokens.issuer import Condition, Issuer, Rule, checked_issuer, own_audience
from cdp.db.pool import Connection, Database
from cdp.db.queries import load_queries
from cdp.errors import BadInput, Conflict, NotFound
from cdp.model import WorkspaceId

_SQL = load_queries("cdp.access.tokens", "store.sql")
_MOST_ISSUERS = 50
_NO_SUCH = "There is no such issuer in this workspace."


class _Stored(msgspec.Struct, frozen=True):
    """A rule, or a condition, as JSON."""

    claim: str
    value: str
    role: str = ""


async def find_issuers(database: Database, url: str) -> tuple[Issuer, ...]:
    """The entries for the issuer of this URL, of whatever workspace, with the scopes of the workspaces' own roles.

    Those that are switched off are left out.
    """
    async with database.unbound() as connection:
        rows = await connection.fetch(_SQL.find, url)
    found = [_issuer(row) for row in rows if row["enabled"]]
    for index, issuer in enumerate(found):
        if names := _own_roles(issuer):
            async with database.connection(issuer.workspace_id) as connection:
                roles = await _scopes_of(connection, issuer.workspace_id, names)
            found[index] = structs.replace(issuer, custom_roles=roles)
    return tuple(found)


async def list_issuers(connection: Connection, workspace_id: WorkspaceId) -> tuple[Issuer, ...]:
    """The workspace's issuers, oldest first."""
    return tuple(_issuer(row) for row in await connection.fetch(_SQL.list, workspace_id))


async def define_issuer(
    connection: Connection, granter: Principal, issuer: Issuer, *, any_audience: bool = False, now: datetime
) -> Issuer:
    """Trust an issuer, or replace what is said of the one of this URL and audience; in a transaction.

    Args:
        connection: bound to the workspace.
        granter: who trusts it; nobody hands out what they have not got.
        issuer: as it was given.
        any_audience: whether a new one may be for another audience than the workspace's own. An audience decides which
            workspace a token belongs to, so that only who runs all of them may choose it.
        now: when.

    Raises:
        BadInput: something about it cannot be used, or there are too many.
        Forbidden: the granter lacks one of the scopes that it did not have before.
        Conflict: another workspace accepts the issuer's tokens for this audience.
    """
    issuer = checked_issuer(issuer)
    workspace_id = issuer.workspace_id
    scopes = read_scopes(issuer.scopes)
    await connection.execute(_SQL.lock, workspace_id)
    known = await list_issuers(connection, workspace_id)
    before = next((one for one in known if (one.url, one.audience) == (issuer.url, issuer.audience)), None)
    check_granted(granter, scopes - (before.scopes if before is not None and before.enabled else NO_SCOPES))
    if before is None:
        if len(known) >= _MOST_ISSUERS:
            raise BadInput(f"A workspace has at most {_MOST_ISSUERS} issuers.")
        await _check_audience(connection, issuer, any_audience=any_audience)
    issuer = await _with_exact_roles(connection, issuer)
    issuer_id = await connection.fetchval(
        _SQL.define,
        workspace_id,
        issuer.name,
        issuer.url,
        issuer.audience,
        issuer.jwks_url,
        list(issuer.algorithms),
        sorted(issuer.scopes),
        issuer.scope_claim,
        issuer.purpose_claim,
        _text([_Stored(one.claim, one.value) for one in issuer.required]),
        _text([_Stored(one.condition.claim, one.condition.value, one.role) for one in issuer.rules]),
        issuer.default_role,
        issuer.longest_seconds,
        issuer.issued_since,
        issuer.enabled,
        now,
    )
    return structs.replace(issuer, issuer_id=issuer_id, changed_at=now)


async def change_issuer(
    connection: Connection,
    granter: Principal,
    issuer_id: int,
    *,
    now: datetime,
    **changes: Any,
) -> Issuer:
    """Switch an issuer on or off (`enabled`), or refuse tokens of before a moment (`issued_since`); in a transaction.

    Raises:
        NotFound: the workspace has no such issuer.
        Forbidden: it is to be switched on by one who lacks what its tokens may be granted.
    """
    workspace_id = granter.workspace_id
    await connection.execute(_SQL.lock, workspace_id)
    known = next(
        (one for one in await list_issuers(connection, workspace_id) if one.issuer_id == issuer_id), None
    )
    if known is None:
        raise NotFound(_NO_SUCH, field=("id",))
    changed = structs.replace(known, **changes, changed_at=now)
    if changed.enabled and not known.enabled:
        check_granted(granter, changed.scopes)
    await connection.execute(
        _SQL.set_state, workspace_id, issuer_id, changed.enabled, changed.issued_since, now
    )
    return changed


async def remove_issuer(connection: Connection, workspace_id: WorkspaceId, issuer_id: int) -> None:
    """Trust an issuer no longer: within a second no process accepts its tokens.

    Raises:
        NotFound: the workspace has no such issuer.
    """
    if await connection.fetchval(_SQL.remove, workspace_id, issuer_id) is None:
        raise NotFound(_NO_SUCH, field=("id",))


async def _check_audience(connection: Connection, issuer: Issuer, *, any_audience: bool) -> None:
    own = own_audience(issuer.workspace_id)
    if issuer.audience == own:
        return
    if not any_audience:
        raise BadInput(
            f"The audience of this workspace is {own}; whoever runs the server may set another one with "
            "`cdp issuers add --audience`.",
            field=("audience",),
        )
    for row in await connection.fetch(_SQL.find, issuer.url):
        if row["audience"] == issuer.audience and row["workspace_id"] != issuer.workspace_id:
            raise Conflict(
                "Another workspace accepts this issuer's tokens for this audience.", field=("audience",)
            )


async def _with_exact_roles(connection: Connection, issuer: Issuer) -> Issuer:
    """The issuer with its roles as they are spelled; those of the workspace's own stay until the transaction ends.

    Raises:
        BadInput: there is no such role.
    """
    exact: dict[str, str] = {}
    for role, field in (
        *((rule.role, "rules") for rule in issuer.rules),
        *(((issuer.default_role, "default_role"),) if issuer.default_role is not None else ()),
    ):
        if role not in exact:
            try:
                exact[role], _ = await scopes_of_role(connection, issuer.workspace_id, role)
            except BadInput as error:
                raise BadInput(error.message, field=(field,)) from None
    return structs.replace(
        issuer,
        rules=tuple(structs.replace(rule, role=exact[rule.role]) for rule in issuer.rules),
        default_role=exact[issuer.default_role] if issuer.default_role is not None else None,
    )


async def _scopes_of(
    connection: Connection, workspace_id: WorkspaceId, names: Iterable[str]
) -> dict[str, Scopes]:
    rows = await connection.fetch(_SQL.roles, workspace_id, sorted(names)) if names else []
    return {row["name"]: frozenset(row["scopes"]) for row in rows}


def _own_roles(issuer: Issuer) -> set[str]:
    """Names of roles in its rules that are no presets."""
    named = {rule.role for rule in issuer.rules} | {issuer.default_role or KeyRole.ADMIN.value}
    return named - KeyRole.__members__.keys()


def _issuer(row: Mapping[str, Any]) -> Issuer:
    required = msgspec.json.decode(row["required"], type=list[_Stored])
    rules = msgspec.json.decode(row["rules"], type=list[_Stored])
    return Issuer(
        workspace_id=WorkspaceId(row["workspace_id"]),
        issuer_id=row["issuer_id"],
        name=row["name"],
        url=row["url"],
        audience=row["audience"],
        jwks_url=row["jwks_url"],
        algorithms=tuple(row["algorithms"]),
        scopes=frozenset(row["scopes"]),
        scope_claim=row["scope_claim"],
        purpose_claim=row["purpose_claim"],
        required=tuple(Condition(one.claim, one.value) for one in required),
        rules=tuple(Rule(Condition(one.claim, one.value), one.role) for one in rules),
        default_role=row["default_role"],
        longest_seconds=row["longest_seconds"],
        issued_since=row["issued_since"],
        enabled=row["enabled"],
        changed_at=row["changed_at"],
    )


def _text(found: list[_Stored]) -> str:
    return msgspec.json.encode(found).decode()
