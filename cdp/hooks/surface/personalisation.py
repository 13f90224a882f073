"""What to show to whom."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import Candidate, PersonalisationRequest


class PersonalisationHooks(Protocol):
    """Hooks of personalisation."""

    @hookspec
    def choose_personalisation(self, request: PersonalisationRequest) -> Candidate | None:
        """Fill a slot for a person, or return None to leave it to the next plugin.

        Called when a reader asks for `personalisation(slot:)`. Rule: the first answer that is not None. A panel that
        the reader may not see is empty in the request, and a candidate with that panel's `lens` is not shown. If it
        fails, the next plugin is asked.
        Since 0.1.
        """
