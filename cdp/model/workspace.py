"""A workspace as processes hold it: settings, catalogue and features, all of one version."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cdp.model.catalogue import CatalogueEntry, Feature
from cdp.model.classes import TraitClasses
from cdp.model.ids import WorkspaceId
from cdp.model.plugins import PluginState


class WorkspaceSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a workspace may set, with defaults that work."""

    half_life_days: float = 14.0
    """Half-life of intent and influence, 3 to 365 days. Below 3 the stored weights would leave the range of a double
    within eight years of the epoch (1,023 half-lives)."""
    warm_score: float = 10.0
    """Intent level is WARM from this score."""
    hot_score: float = 40.0
    """Intent level is HOT from this score."""
    window_days: int = 28
    """Window of active days, adoption and phase where the reader gives none."""
    dormant_days: int = 28
    """DORMANT after so many days without usage."""
    habitual_days: int = 12
    """HABITUAL from so many active days in the window."""
    adopting_features: int = 3
    """ADOPTING from so many different features in the window."""
    onboarding_steps: tuple[str, ...] = ()
    """Names of the steps of onboarding; empty: steps are counted as they come."""
    default_currency: str = "USD"
    default_country: str = "US"
    """ISO 3166 region for phone numbers written without a country code."""
    qualified_adoption: float = 0.5
    """Product-qualified from this adoption rate (or phase HABITUAL) …"""
    qualified_score_below: float = 40.0
    """… while the intent score is still below this."""
    message_days: int = 35
    """A message that comes again counts once if it first came within so many days, 31 to 400. What is older is
    forgotten by the month, once no workspace asks for it; imported rows never are."""
    retention_months: int | None = None
    """Events are dropped once so many whole months lie between theirs and this one, 1 to 120; None: never. What they
    added to the views stays."""
    disabled_plugins: tuple[str, ...] = ()
    free_mail_domains: tuple[str, ...] = ()
    """Domains that never make an account, besides the known free-mail providers."""
    visitor_proof_required: bool = False
    """Whether web pages must prove, by a visitor's token, whatever they call a visitor besides an anonymous id. If not,
    they are believed, as far as no two known people become one by it."""


class Limits(Struct, frozen=True, kw_only=True):
    """What the operator allows a workspace, and each key of it, per second; None: what the server does; 0: any."""

    requests_per_second: float | None = None
    events_per_second: float | None = None
    cost_per_second: float | None = None
    """What GraphQL operations may cost; see cdp.plan.cost."""
    key_requests_per_second: float | None = None
    key_events_per_second: float | None = None
    key_cost_per_second: float | None = None
    address_requests_per_second: float | None = None
    """From one address, with one public key."""
    address_events_per_second: float | None = None


class Workspace(Struct, frozen=True, kw_only=True):
    """The tenant."""

    workspace_id: WorkspaceId
    name: str
    version: int
    epoch: datetime
    """Zero of the forward decay."""
    settings: WorkspaceSettings
    entries: tuple[CatalogueEntry, ...]
    """The workspace's own, those of plugins and defaults, merged: one per (event, conditions)."""
    features: tuple[Feature, ...]
    limits: Limits = Limits()
    plugin_entries: tuple[CatalogueEntry, ...] = ()
    """What plugins add to the catalogue, whether or not the workspace has something else in its place."""
    plugins: dict[str, PluginState] = {}
    """What the workspace has decided about plugins, by name; those that it has decided nothing about are missing."""
    trait_classes: TraitClasses = TraitClasses()
    """Which traits tell what, as far as it has declared that."""

    @property
    def disabled_plugins(self) -> frozenset[str]:
        """Names of the plugins that are turned off."""
        off = (name for name, state in self.plugins.items() if not state.enabled)
        return frozenset(self.settings.disabled_plugins).union(off)
