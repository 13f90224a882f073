"""Events in the words of others: Google Analytics 4, and Segment's specification of video events.

Events of Google Analytics (`purchase`, `add_to_cart`) keep their names and count as what they are in the catalogue
(`Order Completed`, `Product Added`); what they call `transaction_id` is an `order_id`. Video events are added to the
catalogue as usage. It does nothing in a workspace until that turns it on (`pluginEnable`).
"""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import Batch, CatalogueEntry, Classification, Event, PluginInfo
from diptych_vocabularies import google, video


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Counts events that are named as in Google Analytics 4, and video events.",
        opt_in=True,
        labels=frozenset({"catalogue"}),
    )


@hookimpl
def register_catalogue() -> list[CatalogueEntry]:
    """Video events."""
    return list(video.ENTRIES)


@hookimpl
def transform_event(events: Batch[Event]) -> dict[int, Event]:
    """Google's properties, by the names that the catalogue reads."""
    return {
        index: changed
        for index, event in events.named(*google.COUNTS_AS)
        if (changed := google.with_order_id(event)) is not None
    }


@hookimpl
def classify_event(events: Batch[Event]) -> dict[int, Classification]:
    """What Google's events count as."""
    return {index: google.CLASSIFICATIONS[event.name] for index, event in events.named(*google.COUNTS_AS)}
