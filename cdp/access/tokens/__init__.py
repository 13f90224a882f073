"""Tokens (JWT) of OIDC issuers that a workspace trusts: whose, and what they are granted."""

from cdp.access.tokens.bearer import TokenBearer, Untrusted
from cdp.access.tokens.issuer import Condition, Issuer, Rule, own_audience
from cdp.access.tokens.keysets import KeySets
from cdp.access.tokens.store import change_issuer, define_issuer, list_issuers, remove_issuer

__all__ = [
    "Condition",
    "Issuer",
    "KeySets",
    "Rule",
    "TokenBearer",
    "Untrusted",
    "change_issuer",
    "define_issuer",
    "list_issuers",
    "own_audience",
    "remove_issuer",
]
