"""Tokens: which are believed, and which are not."""

from __future__ import annotations

from cdp.access.principals import PrincipalKind
from cdp.access.tokens import Issuer, TokenBearer
from tests.access.tokens.oidc import Oidc


async def test_a_token_of_an_issuer_that_the_workspace_trusts_is_good(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """Its bearer may do what it claims, as far as the workspace lets the issuer grant it."""
    token = oidc.token(issuer.audience, scope="profiles:read intent:read pii:read openid", purpose="support")
    principal = await bearer.principal(token)
    assert principal.workspace_id == issuer.workspace_id
    assert principal.kind is PrincipalKind.TOKEN
    assert principal.subject == f"token:{issuer.issuer_id}:ann"
    assert principal.scopes == {"profiles:read", "intent:read"}
    assert (principal.name, principal.role, principal.purpose) == ("idp: ann", "TOKEN", "SUPPORT")
    assert (principal.key_id, principal.publishable, principal.visitor) == (0, False, None)
