"""Which roles people hold, and how strong what they do is."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import MembershipFacts, RoleContribution, RoleKind


class RoleHooks(Protocol):
    """Hooks of roles and scores."""

    @hookspec
    def register_roles(self) -> list[RoleKind]:
        """Add roles to those of the core, such as `LEGAL_AND_COMPLIANCE`.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. A name that the core or another
        plugin has already is an error that stops the start and names both. If it fails, the plugin is not loaded.
        Since 0.1.
        """

    @hookspec
    def resolve_roles(self, membership: MembershipFacts) -> list[RoleContribution]:
        """Say which roles a person holds within one account, or with themselves (`membership.account` is None).

        Called when the person's facts have changed, for each of their memberships. Rule: union; every plugin's claims
        stand beside each other, each with its source, and what a human asserted outranks them. Return all roles that
        you see, each at most once and with evidence: one that you no longer return ends. If it fails, your earlier
        claims stay as they are, and you are asked again later.
        Since 0.1.
        """
