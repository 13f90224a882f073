"""What happens to an event before it is stored, and what it means."""

from __future__ import annotations

from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import (
    Batch,
    CatalogueEntry,
    Classification,
    ConsentQuestion,
    Event,
    Redacted,
    Withheld,
)


class EventHooks(Protocol):
    """Hooks on the way of an event, in the order in which they are called; all of them before it is stored."""

    @hookspec
    def guard_consent(self, questions: Batch[ConsentQuestion]) -> dict[int, str]:
        """Say which data may not be used for a purpose.

        Called with all events that came together, before any other hook sees them, with the purpose ANALYTICS; and with
        the people whose slots are to be filled, with the purpose PERSONALISATION. Rule:
        guard; every plugin must agree. Return, by index, why not, in a sentence that quotes no personal data; what is
        missing may pass. What may not pass is told to its sender as refused with NO_CONSENT, and nothing of it is
        kept. If it fails, the events are held: refused with HELD, kept sealed, and replayable; where there is no key
        to seal them with, their sender is told to come again.
        Since 0.2.
        """

    @hookspec
    def transform_event(self, events: Batch[Event]) -> dict[int, Event]:
        """Change events before they are stored.

        Called with all events that came together, on whatever way they came in. Rule: chained; each plugin sees what
        those before it made. Return, by index, what the event is to be; name, properties, context, account and
        identifiers may change, and identifiers have to be in their one form already. If it fails, the events go on as
        they were.
        Since 0.2.
        """

    @hookspec
    def guard_event(self, events: Batch[Event]) -> dict[int, Redacted | Withheld]:
        """Take out of events what must not be stored, or keep them from being stored.

        Called with all events that came together, after every transformation. Rule: guard; each plugin sees what those
        before it have let pass. Return, by index, the event without what must not be stored (`Redacted`), or why it
        must not be stored at all (`Withheld`); what is missing may pass as it is. It fails closed. If it fails, the
        events are held: refused with HELD, kept sealed, and replayable; where there is no key to seal them with, their
        sender is told to come again. Nothing is ever stored as it came.
        Since 0.2.
        """

    @hookspec
    def classify_event(self, events: Batch[Event]) -> dict[int, Classification]:
        """Say under which name of the catalogue events count that it does not know.

        Called with those of the events that came together whose name the catalogue does not know, as they will be
        stored. Rule: the first answer for each event. What
        counts is kept with the event, so that views can be built anew from events without asking. If it fails, events
        count by their own names.
        Since 0.2.
        """

    @hookspec
    def register_catalogue(self) -> list[CatalogueEntry]:
        """Add event types and what they contribute to the two panels.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. A workspace's own entry for the
        same event and conditions outranks yours, and yours the default; two plugins with the same one are an error
        that stops the start and names both. Where the plugin is turned on or off, history is counted anew. If it
        fails, the plugin is not loaded.
        Since 0.2.
        """
