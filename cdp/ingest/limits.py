"""How much one request, one batch and one event may be."""

from __future__ import annotations

BATCH_BYTES = 500 * 1024
"""Largest body, before and after it is unpacked."""

BATCH_EVENTS = 2_500
"""Most events in one batch."""

EVENT_BYTES = 32 * 1024
"""Largest event, as JSON text."""

SPREAD_BYTES = 8 * 1024 * 1024
"""Most that a batch's context may come to once each of the batch's events has it: it goes into every one of them."""

DEPTH = 64
"""Deepest nesting of objects and arrays in one event."""

NAME_LENGTH = 200
"""Characters in an event's name."""

MESSAGE_ID_LENGTH = 255
"""Characters in a message id."""

GROUP_ID_LENGTH = 255
"""Characters in the id of a group."""

TRAIT_KEY_LENGTH = 255
"""Characters in the name of a trait."""
