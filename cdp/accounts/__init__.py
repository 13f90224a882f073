"""On whose behalf people buy and use: organisations and households, and who is in them.

- `domains`: pure: which part of an address or a web site names an organisation
- `registers`: pure: what an account is, from the traits that were said about it
- `store`: `resolve`: the events of one flush find or make their accounts and memberships
- `change`: what a person states: create, update, membership_set
"""

from cdp.accounts.change import AccountChanges, Changed, create, membership_set, update
from cdp.accounts.store import current_account, find, resolve

__all__ = [
    "AccountChanges",
    "Changed",
    "create",
    "current_account",
    "find",
    "membership_set",
    "resolve",
    "update",
]
