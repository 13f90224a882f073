"""Who is asking, and what that key may do: roles of keys, their scopes, making and checking keys."""

from cdp.access.keys import Authenticator, Key, Principal, create_key, list_keys, revoke_key
from cdp.access.scopes import SCOPES, KeyRole, Scope, parse_role

__all__ = [
    "SCOPES",
    "Authenticator",
    "Key",
    "KeyRole",
    "Principal",
    "Scope",
    "create_key",
    "list_keys",
    "parse_role",
    "revoke_key",
]
