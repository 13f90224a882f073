"""What a workspace may set about its notifications."""

from __future__ import annotations

from enum import StrEnum
from string import Template
from typing import Annotated

from msgspec import Meta, Struct

from cdp.model import Secret


class Kind(StrEnum):
    """What a channel can be told."""

    PROFILE = "PROFILE"
    """Somebody is new, or turned out to be another."""
    MEMBERSHIP = "MEMBERSHIP"
    """Somebody came to an account, or left it."""
    ROLE = "ROLE"
    """A role began or ended."""
    STAGE = "STAGE"
    """Somebody moved along a journey; needs `intent` or `usage`."""


class Label(StrEnum):
    """What a channel may carry."""

    INTENT = "intent"
    """The buyer-intent panel."""
    USAGE = "usage"
    """The usage panel."""
    PII = "pii"
    """Who somebody is; otherwise people are numbers."""


class Channel(Struct, frozen=True, kw_only=True):
    """One place that is told."""

    name: Annotated[str, Meta(pattern=r"^\S+$", max_length=80)]
    """As in `webhooks`."""
    tells: tuple[Kind, ...] = (Kind.MEMBERSHIP, Kind.ROLE, Kind.STAGE)
    carries: tuple[Label, ...] = ()
    """What everybody who reads the channel may see."""
    roles: tuple[str, ...] = ()
    """Roles of which it is told; empty: all."""
    values: tuple[str, ...] = ()
    """Stages, levels and phases on arrival at which it is told, such as `HOT`; empty: all."""
    templates: dict[str, str] = {}
    """Sentences instead of the usual ones, by `Kind`: `$person`, `$account`, `$what`, `$before` and `$after` stand for
    what the channel may carry."""

    def __post_init__(self) -> None:
        """Refuse templates that nobody could fill."""
        for kind, text in self.templates.items():
            if kind not in Kind.__members__:
                raise ValueError(f"there is no kind {kind!r}")
            if not Template(text).is_valid() or not set(Template(text).get_identifiers()) <= PLACES:
                raise ValueError(f"the template of {kind} may hold {', '.join(sorted(PLACES))}")


class NotifierSettings(Struct, frozen=True, kw_only=True):
    """Without channels nothing is told."""

    webhooks: Secret | None = None
    """One line for each channel: its name, a space, its URL. Whoever has a URL can write to the channel."""
    channels: tuple[Channel, ...] = ()
    quiet_minutes: Annotated[int, Meta(ge=0, le=10_080)] = 60
    """The same thing of the same person is told a channel at most once within so many minutes."""
    per_minute: Annotated[int, Meta(ge=1, le=600)] = 30
    """Most messages to one channel; what goes beyond is only counted."""
    digest: bool = True
    """Whether channels are told on Mondays how much changed."""

    def url_of(self, channel: str) -> str | None:
        """Where a channel is; None: nobody said."""
        for line in (self.webhooks.reveal() if self.webhooks is not None else "").splitlines():
            name, _, url = line.strip().partition(" ")
            if name == channel and url.strip():
                return url.strip()
        return None


PLACES = frozenset({"person", "account", "what", "before", "after"})
