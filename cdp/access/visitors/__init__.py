"""Visitors: tokens that the customer's own server signs for one person, and the secrets that it signs them with."""

from cdp.access.visitors.bearer import VisitorBearer
from cdp.access.visitors.secrets import (
    NewSecret,
    Sealing,
    VisitorSecret,
    create_secret,
    list_secrets,
    revoke_secret,
    rotate_secret,
)
from cdp.access.visitors.token import VisitorToken, sign

__all__ = [
    "NewSecret",
    "Sealing",
    "VisitorBearer",
    "VisitorSecret",
    "VisitorToken",
    "create_secret",
    "list_secrets",
    "revoke_secret",
    "rotate_secret",
    "sign",
]
