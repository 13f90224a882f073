"""Events in the words of others count as what they are."""

from __future__ import annotations

from cdp.lenses.catalogue import Catalogue, check_entry, merge_entries
from diptych_vocabularies import classify_event, register_catalogue, transform_event
from diptych_vocabularies.google import COUNTS_AS
from tests.plugins.events import batch, event

ENTRIES = register_catalogue()


def test_every_event_of_google_counts_as_one_that_the_catalogue_knows() -> None:
    """The default one, with the video events."""
    catalogue = Catalogue(merge_entries((), ENTRIES))
    assert [name for name in COUNTS_AS.values() if not catalogue.names(name)] == []


def test_what_it_registers_is_fit_to_be_stored_and_described() -> None:
    """Heartbeats count for neither panel, watching is usage."""
    assert [check_entry(entry) for entry in ENTRIES] == ENTRIES
    assert all(entry.description for entry in ENTRIES)
    assert {entry.event: bool(entry.contributions) for entry in ENTRIES if "Content" in entry.event} == {
        "Video Content Started": True,
        "Video Content Playing": False,
        "Video Content Completed": True,
    }


def test_only_events_of_that_name_are_classified() -> None:
    """By index."""
    answers = classify_event(batch(event("Order Completed"), event("purchase"), event("login")))
    assert {index: answer.counts_as for index, answer in answers.items()} == {
        1: "Order Completed",
        2: "Signed In",
    }


def test_a_transaction_is_an_order() -> None:
    """Unless the order has an id already."""
    answers = transform_event(
        batch(
            event("purchase", properties={"transaction_id": "T1", "value": 5}),
            event("purchase", properties={"transaction_id": "T1", "order_id": "O1"}),
            event("login", properties={"transaction_id": "T1"}),
        )
    )
    assert {index: changed.properties for index, changed in answers.items()} == {
        0: {"transaction_id": "T1", "value": 5, "order_id": "T1"}
    }
