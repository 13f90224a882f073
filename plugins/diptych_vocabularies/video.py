"""Video events as Segment specifies them, https://segment.com/docs/connections/spec/video/."""

from __future__ import annotations

from cdp.model import CatalogueEntry, Contribution, Lens

_WATCHING = Contribution(lens=Lens.USAGE, feature="video")
_KNOWN: tuple[Contribution, ...] = ()

ENTRIES = tuple(
    CatalogueEntry(event=name, contributions=contributions, description=description)
    for name, contributions, description in (
        ("Video Playback Started", (_WATCHING,), "A viewer pressed play."),
        ("Video Playback Paused", _KNOWN, "A viewer paused."),
        ("Video Playback Resumed", _KNOWN, "A viewer went on after a pause."),
        ("Video Playback Interrupted", _KNOWN, "Playing was interrupted, by the player or the network."),
        (
            "Video Playback Completed",
            (_WATCHING,),
            "Everything of a session, advertisements included, was played.",
        ),
        ("Video Content Started", (_WATCHING,), "A piece of content began within a session."),
        ("Video Content Playing", _KNOWN, "A heartbeat, sent every few seconds while content plays."),
        ("Video Content Completed", (_WATCHING,), "A piece of content was watched to its end."),
        ("Video Ad Started", _KNOWN, "An advertisement began."),
        ("Video Ad Playing", _KNOWN, "A heartbeat while an advertisement plays."),
        ("Video Ad Completed", _KNOWN, "An advertisement was played to its end."),
    )
)
"""Heartbeats and advertisements are known, and count for neither panel."""
