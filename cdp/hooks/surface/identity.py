"""Who somebody is: identifiers, links between profiles, accounts."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import AccountClaim, Batch, Event, IdentifierKind, IdentityRule, LinkCandidate


class IdentityHooks(Protocol):
    """Hooks of identity."""

    @hookspec
    def register_identifier_kinds(self) -> list[IdentifierKind]:
        """Add kinds of identifiers, such as `hubspot_contact_id`.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. A name that the core or another
        plugin has already is an error that stops the start and names both. If it fails, the plugin is not loaded.
        `normalise` is called for every identifier of the kind that arrives: keep it quick; where it raises, the
        identifier is refused.
        Since 0.1.
        """

    @hookspec
    def register_identity_rules(self) -> list[IdentityRule]:
        """Name identifiers that are never linked by themselves, such as the address of a shared inbox.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. The core applies the rules to every
        pair of identifiers that an event carries, and records what it did not link, with the rule's reason. If it
        fails, the plugin is not loaded.
        Since 0.2.
        """

    @hookspec
    def veto_link(self, links: Batch[LinkCandidate]) -> dict[int, str]:
        """Say which two identifiers are not one person's although they were seen together.

        Called before events are stored, with every pair of identifiers that they carry. Rule: one veto is enough.
        Return, by index, why not, in a sentence; it is recorded with the refused link and shown by identityExplain.
        What you answer must follow from the two identifiers, and the plugin's settings, alone. If it fails, it is no
        veto.
        Since 0.2.
        """

    @hookspec
    def resolve_account(self, events: Batch[Event]) -> dict[int, AccountClaim]:
        """Say in which account events happened that name none.

        Called before events are stored, with those that name no account. Rule: union; of several claims the surest
        holds, of equally sure ones that of the plugin that is asked first. The claim is kept with the event. If it
        fails, the events have no account.
        Since 0.2.
        """
