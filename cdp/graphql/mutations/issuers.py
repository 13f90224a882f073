"""Trusting issuers of tokens, and ending that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import strawberry
from strawberry import UNSET

from cdp import audit
from cdp.access.principals import Principal
from cdp.access.scopes import Scope
from cdp.access.tokens import Condition, Issuer, Rule, own_audience, store
from cdp.access.tokens.issuer import USUAL_ALGORITHMS, USUAL_LIFE
from cdp.db.pool import Connection
from cdp.graphql.context import Info
from cdp.graphql.issuers import TokenIssuer
from cdp.graphql.mutations.errors import UserError, no_errors
from cdp.graphql.mutations.field import Given, mutation
from cdp.graphql.mutations.writing import change
from cdp.model import WorkspaceId
from cdp.model.ids import decode_id_of, encode_id


@strawberry.input(description="That a claim of a token is a value, or is a list that holds it.")
class ClaimConditionInput:
    """A condition, given."""

    claim: str = strawberry.field(
        description="Name of the claim, or the path to it with dots: `realm_access.roles`. `email` counts only where "
        "`email_verified` is true."
    )
    value: str = strawberry.field(description="The value; numbers and truth values as text.")


@strawberry.input(description="Whose claim is a value, or a list that holds it, has a role.")
class TokenRuleInput:
    """A rule, given."""

    claim: str = strawberry.field(
        description="Name of the claim, or the path to it with dots: `realm_access.roles`. `email` counts only where "
        "`email_verified` is true."
    )
    value: str = strawberry.field(description="The value; numbers and truth values as text.")
    role: str = strawberry.field(description="The role: a preset, or one that the workspace defines.")


@strawberry.input(
    description="An issuer to trust. What was said before of the one of this URL and audience is replaced."
)
class TokenIssuerDefineInput:
    """Input of tokenIssuerDefine."""

    url: str = strawberry.field(
        description="What the claim `iss` is, to the letter; below it is its discovery document."
    )
    scopes: list[str] = strawberry.field(
        description="What its tokens may be granted at most, whatever they claim. Nobody grants more than they have."
    )
    name: str | None = strawberry.field(default=None, description="For people to read; the URL if absent.")
    audience: str | None = strawberry.field(
        default=None,
        description="What the claim `aud` is, or holds; the workspace's own, `tokenAudience`, if absent. Others are "
        "set on the command line, by whoever runs all workspaces.",
    )
    jwks_url: str | None = strawberry.field(
        default=None, description="Where its public keys are, if it has no discovery document."
    )
    algorithms: list[str] = strawberry.field(
        default_factory=lambda: list(USUAL_ALGORITHMS), description="Signatures that are taken."
    )
    scope_claim: str | None = strawberry.field(
        default="scope", description="Claim that holds scopes by name; null: scopes come from roles alone."
    )
    purpose_claim: str | None = strawberry.field(
        default="purpose", description="Claim that says what the data is wanted for; null: none does."
    )
    required: list[ClaimConditionInput] = strawberry.field(
        default_factory=list, description="What must hold of every token."
    )
    rules: list[TokenRuleInput] = strawberry.field(
        default_factory=list, description="Which claims give which roles; all that hold count."
    )
    default_role: str | None = strawberry.field(
        default=None, description="Role of tokens that no rule gives one; null: none."
    )
    longest_life: timedelta = strawberry.field(
        default=timedelta(seconds=USUAL_LIFE), description="Tokens that live longer are refused."
    )
    enabled: bool = strawberry.field(default=True, description="Whether its tokens are let in.")


@strawberry.input(description="What changes of an issuer at once. What is left out stays as it is.")
class TokenIssuerUpdateInput:
    """Input of tokenIssuerUpdate."""

    id: strawberry.ID = strawberry.field(description="Id of the issuer.")
    enabled: bool | None = strawberry.field(default=UNSET, description="Whether its tokens are let in.")
    issued_since: datetime | None = strawberry.field(
        default=UNSET,
        description="Refuse tokens that were issued before, such as those that have got into the wrong hands; null: "
        "none for that reason.",
    )


@strawberry.input(description="An issuer to trust no longer.")
class TokenIssuerRemoveInput:
    """Input of tokenIssuerRemove."""

    id: strawberry.ID = strawberry.field(description="Id of the issuer.")


@strawberry.type
class _IssuerPayload:
    """What mutations answer that change an issuer."""

    issuer: TokenIssuer | None = strawberry.field(
        default=None, description="The issuer as it is now; null where nothing was changed."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was changed; empty where it was."
    )


@strawberry.type(description="What tokenIssuerDefine did.")
class TokenIssuerDefinePayload(_IssuerPayload):
    """Payload of tokenIssuerDefine."""


@strawberry.type(description="What tokenIssuerUpdate did.")
class TokenIssuerUpdatePayload(_IssuerPayload):
    """Payload of tokenIssuerUpdate."""


@strawberry.type(description="What tokenIssuerRemove did.")
class TokenIssuerRemovePayload:
    """Payload of tokenIssuerRemove."""

    id: strawberry.ID | None = strawberry.field(
        default=None, description="Id of the issuer that is gone; null where none is."
    )
    user_errors: list[UserError] = strawberry.field(
        default_factory=no_errors, description="Why nothing was removed; empty where it was."
    )


@strawberry.type
class IssuerMutations:
    """Mutations of issuers."""

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Trust an OIDC issuer: its tokens (JWT) are let in within a second, and may do what its entry says.",
    )
    async def token_issuer_define(
        self, info: Info, given: Given[TokenIssuerDefineInput]
    ) -> TokenIssuerDefinePayload:
        """Define an issuer."""
        granter = info.context.caller

        async def work(connection: Connection, workspace_id: WorkspaceId, now: datetime) -> Issuer:
            issuer = await store.define_issuer(connection, granter, _issuer(workspace_id, given), now=now)
            return await _recorded(connection, granter, info, issuer)

        return TokenIssuerDefinePayload(issuer=TokenIssuer.of(await change(info.context, work)))

    @mutation(
        Scope.WORKSPACE_ADMIN,
        "Switch an issuer off or on again, or refuse its tokens of before a moment. It holds within a second.",
    )
    async def token_issuer_update(
        self, info: Info, given: Given[TokenIssuerUpdateInput]
    ) -> TokenIssuerUpdatePayload:
        """Change what is urgent about an issuer."""
        issuer_id = decode_id_of("TokenIssuer", str(given.id))
        changes: dict[str, Any] = {}
        if isinstance(given.enabled, bool):
            changes["enabled"] = given.enabled
        if given.issued_since is not UNSET:
            changes["issued_since"] = given.issued_since
        granter = info.context.caller

        async def work(connection: Connection, _workspace_id: WorkspaceId, now: datetime) -> Issuer:
            issuer = await store.change_issuer(connection, granter, issuer_id, now=now, **changes)
            return await _recorded(connection, granter, info, issuer)

        return TokenIssuerUpdatePayload(issuer=TokenIssuer.of(await change(info.context, work)))

    @mutation(
        Scope.WORKSPACE_ADMIN, "Trust an issuer no longer. Within a second no process lets its tokens in."
    )
    async def token_issuer_remove(
        self, info: Info, given: Given[TokenIssuerRemoveInput]
    ) -> TokenIssuerRemovePayload:
        """Remove an issuer."""
        issuer_id = decode_id_of("TokenIssuer", str(given.id))

        async def work(connection: Connection, workspace_id: WorkspaceId, _now: datetime) -> None:
            await store.remove_issuer(connection, workspace_id, issuer_id)

        await change(info.context, work)
        return TokenIssuerRemovePayload(id=given.id)


async def _recorded(connection: Connection, granter: Principal, info: Info, issuer: Issuer) -> Issuer:
    """Add the mutation to the audit log: all that holds now, without values of claims, which may be people's."""
    target = encode_id("TokenIssuer", issuer.issuer_id)
    await audit.record(connection, granter, info.field_name, target, issuer.told())
    return issuer


def _issuer(workspace_id: WorkspaceId, given: TokenIssuerDefineInput) -> Issuer:
    return Issuer(
        workspace_id=workspace_id,
        name=given.name if given.name is not None else given.url[:200],
        url=given.url,
        audience=given.audience if given.audience is not None else own_audience(workspace_id),
        jwks_url=given.jwks_url,
        algorithms=tuple(given.algorithms),
        scopes=frozenset(given.scopes),
        scope_claim=given.scope_claim,
        purpose_claim=given.purpose_claim,
        required=tuple(Condition(one.claim, one.value) for one in given.required),
        rules=tuple(Rule(Condition(one.claim, one.value), one.role) for one in given.rules),
        default_role=given.default_role,
        longest_seconds=int(given.longest_life.total_seconds()),
        enabled=given.enabled,
    )
