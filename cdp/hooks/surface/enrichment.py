"""What can be found out about people and accounts."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import EnrichedTrait, EnrichmentRequest


class EnrichmentHooks(Protocol):
    """Hooks of enrichment."""

    @hookspec
    def enrich_person(self, request: EnrichmentRequest) -> list[EnrichedTrait]:
        """Contribute traits that follow from a person's identifiers.

        Called when the person has an identifier that you have not seen, and when what you gave before expires. Rule:
        waterfall; `request.traits` holds what plugins before you found, so that you need not look for it again. What
        two find is kept beside each other, each with its provider. `about` must be one of `request.identifiers`. What
        you no longer return is removed. If it fails, your earlier traits stay, and you are asked again later.
        Since 0.1.
        """
