"""Slots and variants over GraphQL: managed by mutation, decided for people, explained."""

from __future__ import annotations

from datetime import timedelta

from tests.mutations.conftest import NOW, Api
from tests.personalisation.conftest import Slotted

HOT = {"buyerIntent": {"level": {"eq": "HOT"}}}
USES = {"usage": {"phase": {"ne": "NONE"}}}


async def test_a_person_is_shown_the_variant_whose_audience_they_are_in(slots: Slotted, api: Api) -> None:
    """The whole answer, with why each candidate stands as it does."""
    await slots.define(fallback={"is": "nothing"})
    await slots.variant("quote", audience=HOT, lens="INTENT", priority=10)
    await slots.variant("tour", priority=1)
    await slots.variant("later", startsAt=(NOW + timedelta(days=1)).isoformat())
    await slots.variant("over", endsAt=NOW.isoformat())
    await slots.variant("paused", paused=True)
    await api.ingest(
        {"type": "TRACK", "userId": "ada", "event": "Contract Signed"},
        {"type": "TRACK", "userId": "ada", "event": "Contract Signed"},
        {"type": "TRACK", "userId": "bob", "event": "Signed In"},
    )
    assert await slots.choice("ada") == {
        "slot": "banner",
        "variant": "quote",
        "outcome": "ASSIGNED",
        "content": {"is": "quote"},
        "lens": "INTENT",
        "reason": "In its audience.",
        "plugin": None,
        "tracking": {
            "event": "Personalisation Shown",
            "properties": {"slot": "banner", "variant": "quote"},
        },
        "explanation": {
            "consent": "Nothing says otherwise.",
            "inHoldout": False,
            "candidates": [
                {
                    "variant": "later",
                    "plugin": None,
                    "eligible": False,
                    "standing": "NOT_YET",
                    "reason": "It starts at 2026-03-02T12:00:00+00:00.",
                },
                {
                    "variant": "over",
                    "plugin": None,
                    "eligible": False,
                    "standing": "OVER",
                    "reason": "It ended at 2026-03-01T12:00:00+00:00.",
                },
                {
                    "variant": "paused",
                    "plugin": None,
                    "eligible": False,
                    "standing": "PAUSED",
                    "reason": "It is paused.",
                },
                {
                    "variant": "quote",
                    "plugin": None,
                    "eligible": True,
                    "standing": "SHOWN",
                    "reason": "In its audience.",
                },
                {
                    "variant": "tour",
                    "plugin": None,
                    "eligible": True,
                    "standing": "OUTRANKED",
                    "reason": "Another one has a higher priority.",
                },
            ],
        },
    }
    bob = await slots.choice("bob")
    assert (bob["variant"], bob["lens"], bob["reason"]) == ("tour", "NONE", "For everybody.")
    assert (await slots.standings("bob"))["quote"] == "OUTSIDE_AUDIENCE"
