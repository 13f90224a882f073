"""Which roles people hold, and how strong what they do is."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import MembershipFacts, RoleContribution, RoleKind, ScoreContribution


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

        Called when the person's facts have changed, when a claim's `until` has come, and when a resolver or its
        settings have, for each of their memberships. Rule: union; every plugin's claims stand beside each other, each
        with its source, are combined per role, and what a human says outranks them. Return all roles that you see,
        each at most once and with evidence: one that you no longer return ends. If it fails, your earlier claims stay
        as they are, and you are asked again later.
        Since 0.1.
        """

    @hookspec
    def score_intent(self, membership: MembershipFacts) -> list[ScoreContribution]:
        """Add points to a person's buyer intent within one account, or with themselves.

        Called as `resolve_roles`, with an empty usage panel: what you return is shown to all who may see intent. Rule:
        contributions; each is kept with its source beside the core's exact score, never in it, and what you no longer
        return is taken back. If it fails, your earlier contributions stay as they are, and you are asked again later.
        Since 0.2.
        """

    @hookspec
    def score_usage(self, membership: MembershipFacts) -> list[ScoreContribution]:
        """Add points to how well a person gets on with the product within one account, or by themselves.

        Called as `resolve_roles`, with an empty intent panel: what you return is shown to all who may see usage. Rule:
        contributions, as `score_intent`. If it fails, as there.
        Since 0.2.
        """

    @hookspec
    def score_influence(self, membership: MembershipFacts) -> list[ScoreContribution]:
        """Add points to how much a person plausibly moves the account's buying.

        Called as `resolve_roles`, with both panels: what you return is shown only to those who may see both. Rule:
        contributions, as `score_intent`. If it fails, as there.
        Since 0.2.
        """
