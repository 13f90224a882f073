"""What to show a person in a slot: decided from what the reader may see, with the reason for every candidate."""

from cdp.personalisation.choose import Filled, fill

__all__ = ["Filled", "fill"]
