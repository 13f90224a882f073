"""The roles of the core, and which of them a purchase needs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cdp.model import Role, RoleKind

CORE_ROLES: Mapping[Role, str] = MappingProxyType(
    {
        Role.ECONOMIC_BUYER: "Has the authority to approve or make the purchase.",
        Role.END_USER: "Actually uses the product.",
        Role.INFLUENCER: "Uses or recommends, and moves the decision without owning it.",
        Role.CHAMPION: "An influencer who actively sells inside the account.",
        Role.CLIENT: "Buys professional services under a lasting relationship.",
        Role.TRIAL_USER: "Uses without having paid.",
        Role.THIRD_PARTY_USER: "Uses through someone else's account or an integration.",
        Role.ADVOCATE: "Co-creates value in public: reviews, posts, referrals.",
    }
)

BUYING = frozenset({Role.ECONOMIC_BUYER, Role.CHAMPION, Role.INFLUENCER})
"""Whom a purchase needs; who fills none of them may still buy."""

KINDS = tuple(
    RoleKind(name=role.value, description=description, buying=role in BUYING, needed=role in BUYING)
    for role, description in CORE_ROLES.items()
)
"""The same, as plugins register theirs."""
