"""What to show to whom."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import Candidate, PersonalisationRequest


class PersonalisationHooks(Protocol):
    """Hooks of personalisation."""

    @hookspec
    def propose_personalisation(self, request: PersonalisationRequest) -> list[Candidate]:
        """Add candidates for a slot, beside the variants that the workspace has set.

        Called when a reader asks for `personalisation(slot:)` of a person who consents to it. Rule: union; every
        candidate takes part in the decision like a variant of the workspace, by its priority, weight and cap. Return a
        list, empty for slots and people that are not yours; of two candidates of one name the workspace's stands, then
        that of the plugin that is asked first. A panel that the reader may not see is empty in the request, and a
        candidate with that panel's `lens` does not exist for them. If it fails, its candidates are missing.
        Since 0.2.
        """

    @hookspec
    def choose_personalisation(self, request: PersonalisationRequest) -> Candidate | None:
        """Fill a slot for a person, or return None to leave it to the next plugin.

        Called when a reader asks for `personalisation(slot:)` of a person who consents to it, after candidates were
        proposed: `request.candidates` are those that the person is eligible for. Rule: the first answer that is not
        None; where there is none, the hash decides. Return one of them, or a candidate of your own. A panel that the
        reader may not see is empty in the request, and a candidate with that panel's `lens` is not shown. If it fails,
        the next plugin is asked.
        Since 0.1.
        """
