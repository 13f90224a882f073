"""Who somebody is: identifiers, links between profiles, accounts."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import IdentifierKind


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
