"""What a workspace may set."""

from __future__ import annotations

from msgspec import Struct


class OffersAndTips(Struct, frozen=True, kw_only=True):
    """Where there are offers and tips, and how they read."""

    slots: tuple[str, ...] = ("home_hero",)
    """Slots to propose candidates for."""
    offers: bool = True
    tips: bool = True
    headlines: dict[str, str] = {}
    """By stage of the journey, such as `PRICING`, in place of our own."""
