"""Who is asking, and what that one may do: principals, scopes, roles; making and checking keys."""

from cdp.access.authenticator import Authenticator, Bearer
from cdp.access.key import Key
from cdp.access.key_bearer import KeyBearer
from cdp.access.keys import create_key, list_keys, revoke_key
from cdp.access.principals import Peer, Principal, PrincipalKind, operator
from cdp.access.scopes import SCOPES, KeyRole, Scope, Scopes, parse_role

__all__ = [
    "SCOPES",
    "Authenticator",
    "Bearer",
    "Key",
    "KeyBearer",
    "KeyRole",
    "Peer",
    "Principal",
    "PrincipalKind",
    "Scope",
    "Scopes",
    "create_key",
    "list_keys",
    "operator",
    "parse_role",
    "revoke_key",
]
