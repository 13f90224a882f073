"""What to show a person in a slot: chosen by plugins from what the reader may see."""

from cdp.personalisation.choose import Choice, choose, choose_for

__all__ = ["Choice", "choose", "choose_for"]
