"""`cdp issuers`: whose tokens (JWT) a workspace lets in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TypeVar

import click
import jwt

from cdp.access.principals import Principal
from cdp.access.scopes import GRANTABLE
from cdp.access.tokens import (
    Condition,
    Issuer,
    KeySets,
    Rule,
    TokenBearer,
    Untrusted,
    list_issuers,
    own_audience,
    store,
)
from cdp.access.tokens.claims import explain
from cdp.access.tokens.issuer import USUAL_ALGORITHMS, USUAL_LIFE
from cdp.cli.acting import acting, record
from cdp.cli.options import database_of, database_options, run_async, settings_of
from cdp.db.pool import Connection
from cdp.errors import BadInput, NotFound, Unauthenticated
from cdp.model.ids import encode_id
from cdp.outbound import Outbound, read_networks
from cdp.settings import Settings
from cdp.workspaces import store as workspaces

T = TypeVar("T")
_workspace = click.option("--workspace", required=True, metavar="NAME", help="Who trusts it.")
_issuer_id = click.argument("issuer_id", type=int)


@click.group(
    epilog="Example: cdp issuers add https://login.acme.example --workspace acme --scope profiles:read"
)
def issuers() -> None:
    """Say which OIDC issuers a workspace trusts, and what their tokens (JWT) may be granted."""


@issuers.command(
    epilog="Example: cdp issuers add https://login.acme.example --workspace acme --scope profiles:read --scope "
    "intent:read --grant SALES groups=sales-team --data ./data",
)
@click.argument("url")
@_workspace
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SCOPE",
    help=f"What its tokens may be granted at most; several times for several of {', '.join(sorted(GRANTABLE))}.",
)
@click.option("--name", help="For people to read [default: the URL].")
@click.option(
    "--audience", help="What the claim `aud` holds [default: the workspace's own, which is printed]."
)
@click.option("--jwks-url", help="Where its public keys are, if it has no discovery document.")
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    default=USUAL_ALGORITHMS,
    show_default=True,
    help="Signatures that are taken.",
)
@click.option(
    "--grant",
    "grants",
    nargs=2,
    multiple=True,
    metavar="ROLE CLAIM=VALUE",
    help="Whose claim is that value, or a list that holds it, has the role; all that hold count.",
)
@click.option(
    "--default-role", metavar="ROLE", help="Role of tokens that no --grant gives one [default: none]."
)
@click.option(
    "--require", "required", multiple=True, metavar="CLAIM=VALUE", help="What must hold of every token."
)
@click.option(
    "--scope-claim",
    default="scope",
    show_default=True,
    help="Claim that holds scopes by name; '' for none.",
)
@click.option(
    "--purpose-claim",
    default="purpose",
    show_default=True,
    help="Claim that says what the data is wanted for; '' for none.",
)
@click.option(
    "--longest-hours",
    type=click.FloatRange(min=0.1),
    default=USUAL_LIFE / 3600,
    show_default=True,
    help="Tokens that live longer are refused.",
)
@database_options
def add(
    *,
    url: str,
    workspace: str,
    scopes: Sequence[str],
    name: str | None,
    audience: str | None,
    jwks_url: str | None,
    algorithms: Sequence[str],
    grants: Sequence[tuple[str, str]],
    default_role: str | None,
    required: Sequence[str],
    scope_claim: str,
    purpose_claim: str,
    longest_hours: float,
    data: Path | None,
    database_url: str | None,
) -> None:
    """Trust an issuer, or say anew what holds for the one of this URL and audience; within a second it does."""
    rules = tuple(Rule(_condition(condition), role) for role, condition in grants)
    conditions = tuple(_condition(one) for one in required)

    async def work(connection: Connection, granter: Principal) -> Issuer:
        issuer = Issuer(
            workspace_id=granter.workspace_id,
            name=name if name is not None else url[:200],
            url=url,
            audience=audience if audience is not None else own_audience(granter.workspace_id),
            jwks_url=jwks_url,
            algorithms=tuple(algorithms),
            scopes=frozenset(scopes),
            scope_claim=scope_claim or None,
            purpose_claim=purpose_claim or None,
            required=conditions,
            rules=rules,
            default_role=default_role,
            longest_seconds=round(longest_hours * 3600),
        )
        return await store.define_issuer(
            connection, granter, issuer, any_audience=True, now=datetime.now(UTC)
        )

    made = run_async(_recorded(settings_of(data, database_url), workspace, "tokenIssuerDefine", work))
    click.echo(
        f"Issuer {made.issuer_id}: {workspace} lets in tokens of {made.url} for the audience {made.audience}"
    )


@issuers.command("list", epilog="Example: cdp issuers list --workspace acme --data ./data")
@_workspace
@database_options
def list_all(*, workspace: str, data: Path | None, database_url: str | None) -> None:
    """List the issuers of a workspace, and what their tokens may be granted."""

    async def work(connection: Connection, operator: Principal) -> tuple[Issuer, ...]:
        return await list_issuers(connection, operator.workspace_id)

    for one in run_async(_done(settings_of(data, database_url), workspace, work)):
        click.echo(f"{one.issuer_id:>4}  {one.url}  {'on' if one.enabled else 'off'}  {one.name}")
        click.echo(f"      audience {one.audience}")
        click.echo(f"      at most  {' '.join(sorted(one.scopes))}")
        for condition in one.required:
            click.echo(f"      requires {condition.claim}={condition.value}")
        for rule in one.rules:
            click.echo(f"      {rule.role} to {rule.condition.claim}={rule.condition.value}")
        if one.default_role is not None:
            click.echo(f"      {one.default_role} to all others")
        if one.scope_claim is not None:
            click.echo(f"      scopes by name in {one.scope_claim}")
        if one.issued_since is not None:
            click.echo(f"      issued since {one.issued_since:%Y-%m-%d %H:%M:%S} UTC")


@issuers.command(epilog="Example: cdp issuers disable 3 --workspace acme --data ./data")
@_issuer_id
@_workspace
@database_options
def disable(*, issuer_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Switch off the issuer of that number (see `cdp issuers list`): within a second its tokens are refused."""
    _change(settings_of(data, database_url), workspace, issuer_id, enabled=False)
    click.echo(f"Issuer {issuer_id} is off.")


@issuers.command(epilog="Example: cdp issuers enable 3 --workspace acme --data ./data")
@_issuer_id
@_workspace
@database_options
def enable(*, issuer_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Switch on the issuer of that number."""
    _change(settings_of(data, database_url), workspace, issuer_id, enabled=True)
    click.echo(f"Issuer {issuer_id} is on.")


@issuers.command(epilog="Example: cdp issuers refuse-older 3 --workspace acme --data ./data")
@_issuer_id
@_workspace
@database_options
def refuse_older(*, issuer_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Refuse whatever the issuer of that number has issued so far: some of it got into the wrong hands."""
    now = datetime.now(UTC)
    _change(settings_of(data, database_url), workspace, issuer_id, issued_since=now)
    click.echo(f"Tokens of issuer {issuer_id} from before {now:%Y-%m-%d %H:%M:%S} UTC are refused.")


@issuers.command(epilog="Example: cdp issuers remove 3 --workspace acme --data ./data")
@_issuer_id
@_workspace
@database_options
def remove(*, issuer_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Trust the issuer of that number no longer: within a second its tokens are refused."""

    async def work(connection: Connection, operator: Principal) -> None:
        await store.remove_issuer(connection, operator.workspace_id, issuer_id)
        target = encode_id("TokenIssuer", issuer_id)
        await record(connection, operator.workspace_id, "tokenIssuerRemove", target, {})

    run_async(_done(settings_of(data, database_url), workspace, work))
    click.echo(f"Issuer {issuer_id} is gone.")


@issuers.command(epilog="Example: cdp issuers check 3 --workspace acme --data ./data")
@_issuer_id
@_workspace
@database_options
def check(*, issuer_id: int, workspace: str, data: Path | None, database_url: str | None) -> None:
    """Fetch the public keys of the issuer of that number, as servers do, and show them."""
    settings = settings_of(data, database_url)

    async def work(connection: Connection, operator: Principal) -> None:
        for one in await list_issuers(connection, operator.workspace_id):
            if one.issuer_id == issuer_id:
                for key in await KeySets(_http(settings)).look(one):
                    click.echo(f"{key.kid or '(no kid)'}  {' '.join(sorted(key.algorithms))}")
                return
        raise NotFound(f"There is no issuer {issuer_id} in this workspace.")

    run_async(_done(settings, workspace, work))


@issuers.command("try", epilog="Example: cdp issuers try token.txt --data ./data")
@click.argument("file", type=click.File("r"), default="-")
@database_options
def try_token(*, file: IO[str], data: Path | None, database_url: str | None) -> None:
    """Say whose the token in FILE (or on standard input) is, what it is granted and why; or why it is not let in."""
    click.echo(run_async(_try(settings_of(data, database_url), file.read().strip())))


async def _try(settings: Settings, token: str) -> str:
    async with database_of(settings) as database:
        keysets = KeySets(_http(settings))
        try:
            found = await TokenBearer(database, keysets).principal(token)
        except Untrusted as error:
            raise Unauthenticated(f"{error.message} {error.why}") from None
        finally:
            await keysets.aclose()
        names = dict(await workspaces.list_all(database))
        claims = jwt.decode(token, options={"verify_signature": False})  # it is good, as was seen
        issuers = await store.find_issuers(database, claims["iss"])
    (issuer,) = (one for one in issuers if found.subject.startswith(f"token:{one.issuer_id}:"))
    purpose = f", for {found.purpose}" if found.purpose is not None else ""
    return "\n".join(
        (
            f"{found.subject} in {names[found.workspace_id]}{purpose}: {' '.join(sorted(found.scopes))}",
            *(f"    {why}" for why in explain(claims, issuer)),
        )
    )


def _http(settings: Settings) -> Outbound:
    return Outbound(allowed=read_networks(settings.outbound_allow), seconds=5.0)


def _change(settings: Settings, workspace: str, issuer_id: int, **changes: bool | datetime) -> None:
    async def work(connection: Connection, granter: Principal) -> Issuer:
        return await store.change_issuer(connection, granter, issuer_id, now=datetime.now(UTC), **changes)

    run_async(_recorded(settings, workspace, "tokenIssuerUpdate", work))


async def _recorded(
    settings: Settings, workspace: str, act: str, work: Callable[[Connection, Principal], Awaitable[Issuer]]
) -> Issuer:
    async def recorded(connection: Connection, granter: Principal) -> Issuer:
        issuer = await work(connection, granter)
        target = encode_id("TokenIssuer", issuer.issuer_id)
        await record(connection, granter.workspace_id, act, target, issuer.told())
        return issuer

    return await _done(settings, workspace, recorded)


async def _done(
    settings: Settings, workspace: str, work: Callable[[Connection, Principal], Awaitable[T]]
) -> T:
    async with database_of(settings) as database:
        workspace_id = await workspaces.by_name(database, workspace)
        async with database.transaction(workspace_id) as connection:
            return await work(connection, acting(workspace_id))


def _condition(text: str) -> Condition:
    claim, equals, value = text.partition("=")
    if not equals:
        raise BadInput(f"Write CLAIM=VALUE, not {text!r}.")
    return Condition(claim, value)
