"""Issuers of tokens, as GraphQL shows them to administrators."""

from __future__ import annotations

from datetime import datetime, timedelta

import strawberry

from cdp.access.scopes import Scope
from cdp.access.tokens import Condition, Issuer, Rule, list_issuers, own_audience
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.model.ids import encode_id


@strawberry.type(description="That a claim of a token is a value, or is a list that holds it.")
class ClaimCondition:
    """A condition."""

    claim: str = strawberry.field(description="Name of the claim, or the path to it, with dots.")
    value: str = strawberry.field(description="The value.")

    @classmethod
    def of(cls, condition: Condition) -> ClaimCondition:
        """As GraphQL shows it."""
        return cls(claim=condition.claim, value=condition.value)


@strawberry.type(description="Whose claim is a value, or a list that holds it, has a role.")
class TokenRule:
    """A rule."""

    claim: str = strawberry.field(description="Name of the claim, or the path to it, with dots.")
    value: str = strawberry.field(description="The value.")
    role: str = strawberry.field(description="The role: a preset, or one that the workspace defines.")

    @classmethod
    def of(cls, rule: Rule) -> TokenRule:
        """As GraphQL shows it."""
        return cls(claim=rule.condition.claim, value=rule.condition.value, role=rule.role)


@strawberry.type(description="An OIDC issuer whose tokens (JWT) are let in, and what they may be granted.")
class TokenIssuer:
    """An issuer."""

    id: strawberry.ID = strawberry.field(description="Opaque id.")
    name: str = strawberry.field(description="For people to read.")
    url: str = strawberry.field(description="What the claim `iss` must be, to the letter.")
    audience: str = strawberry.field(description="What the claim `aud` must be, or hold.")
    jwks_url: str | None = strawberry.field(
        description="Where its public keys are; null: its discovery document says so."
    )
    algorithms: list[str] = strawberry.field(description="Signatures that are taken.")
    scopes: list[str] = strawberry.field(
        description="What its tokens may be granted at most, whatever they claim."
    )
    scope_claim: str | None = strawberry.field(
        description="Claim that holds scopes by name; null: scopes come from roles alone."
    )
    purpose_claim: str | None = strawberry.field(
        description="Claim that says what the data is wanted for; null: none does."
    )
    required: list[ClaimCondition] = strawberry.field(description="What must hold of every token.")
    rules: list[TokenRule] = strawberry.field(
        description="Which claims give which roles; all that hold count."
    )
    default_role: str | None = strawberry.field(
        description="Role of tokens that no rule gives one; null: none."
    )
    longest_life: timedelta = strawberry.field(description="Tokens that live longer are refused.")
    issued_since: datetime | None = strawberry.field(
        description="Tokens that were issued before are refused; null: none for that reason."
    )
    enabled: bool = strawberry.field(description="Whether its tokens are let in.")
    changed_at: datetime | None = strawberry.field(description="When this was last said of it.")

    @classmethod
    def of(cls, issuer: Issuer) -> TokenIssuer:
        """As GraphQL shows it."""
        return cls(
            id=strawberry.ID(encode_id("TokenIssuer", issuer.issuer_id)),
            name=issuer.name,
            url=issuer.url,
            audience=issuer.audience,
            jwks_url=issuer.jwks_url,
            algorithms=list(issuer.algorithms),
            scopes=sorted(issuer.scopes),
            scope_claim=issuer.scope_claim,
            purpose_claim=issuer.purpose_claim,
            required=[ClaimCondition.of(one) for one in issuer.required],
            rules=[TokenRule.of(one) for one in issuer.rules],
            default_role=issuer.default_role,
            longest_life=timedelta(seconds=issuer.longest_seconds),
            issued_since=issuer.issued_since,
            enabled=issuer.enabled,
            changed_at=issuer.changed_at,
        )


@strawberry.type
class IssuerQuery:
    """Fields of Query about issuers."""

    @strawberry.field(
        description="Issuers whose tokens are let in, oldest first; those that are switched off too.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def token_issuers(self, info: Info) -> list[TokenIssuer] | None:
        """All of them."""
        async with info.context.connection() as connection:
            return [TokenIssuer.of(one) for one in await list_issuers(connection, info.context.workspace_id)]

    @strawberry.field(
        description="The audience that tokens for this workspace are issued for: what their claim `aud` holds.",
        metadata=needs(Scope.WORKSPACE_ADMIN),
    )
    async def token_audience(self, info: Info) -> str | None:
        """No other workspace has it."""
        return own_audience(info.context.workspace_id)
