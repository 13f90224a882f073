"""Every hook that a plugin can implement.

A plugin is a module or an object with functions of these names, marked `@hookimpl`. It is given frozen values, never a
connection, an application or a request, and returns values, which the core checks, records with the plugin's name as
their source, and can take back. Name only the arguments that you use.

Order: a plugin that was registered later is asked earlier (those of the folder before installed ones, and of two
installed ones Z before A); `@hookimpl(tryfirst=True)` and `trylast=True` move one. Implementations may be `async def`.
Each call has a deadline (`CDP_HOOK_DEADLINE_MS`, 2 seconds) and runs in threads of its own plugin: a call that is late,
raises, or returns something else than its hook allows is without effect, is counted against the plugin by name, and
harms nobody else. After five such calls in a row the plugin is left alone for 30 seconds, in that hook.
"""

from __future__ import annotations

from typing import Protocol

import pluggy

from cdp.model import (
    Candidate,
    EnrichedTrait,
    EnrichmentRequest,
    IdentifierKind,
    MembershipFacts,
    PersonalisationRequest,
    RoleContribution,
    RoleKind,
)

PROJECT = "cdp"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks(Protocol):
    """The hooks, by verb: `register_` collected once, `resolve_` union, `enrich_` waterfall, `choose_` first answer."""

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

    @hookspec
    def enrich_person(self, request: EnrichmentRequest) -> list[EnrichedTrait]:
        """Contribute traits that follow from a person's identifiers.

        Called when the person has an identifier that you have not seen, and when what you gave before expires. Rule:
        waterfall; `request.traits` holds what plugins before you found, so that you need not look for it again. What
        two find is kept beside each other, each with its provider. `about` must be one of `request.identifiers`. What
        you no longer return is removed. If it fails, your earlier traits stay, and you are asked again later.
        Since 0.1.
        """

    @hookspec
    def choose_personalisation(self, request: PersonalisationRequest) -> Candidate | None:
        """Fill a slot for a person, or return None to leave it to the next plugin.

        Called when a reader asks for `personalisation(slot:)`. Rule: the first answer that is not None. A panel that
        the reader may not see is empty in the request, and a candidate with that panel's `lens` is not shown. If it
        fails, the next plugin is asked.
        Since 0.1.
        """
