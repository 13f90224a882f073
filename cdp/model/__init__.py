"""Frozen values that the whole of Diptych, and every plugin, speaks in. Imports nothing above it."""

from cdp.model.catalogue import (
    CatalogueEntry,
    Condition,
    ConditionOperator,
    Contribution,
    Feature,
    Lens,
    Measure,
    PurchaseEffect,
    Stage,
)
from cdp.model.events import AccountKind, AccountRef, Event, EventType
from cdp.model.identifiers import Identifier, IdentifierKind
from cdp.model.ids import NO_ACCOUNT, AccountId, EventId, NodeId, ProfileId, WorkspaceId
from cdp.model.personalisation import Candidate, PersonalisationRequest
from cdp.model.plugins import PluginInfo, PluginState, Secret
from cdp.model.roles import Evidence, MembershipFacts, Role, RoleContribution, RoleKind
from cdp.model.traits import EnrichedTrait, EnrichmentRequest
from cdp.model.views import (
    AccountFacts,
    FeatureUseFacts,
    IntentFacts,
    IntentLevel,
    ProfileFacts,
    SignalFacts,
    UsageFacts,
    UsagePhase,
)
from cdp.model.workspace import Limits, Workspace, WorkspaceSettings

__all__ = [
    "NO_ACCOUNT",
    "AccountFacts",
    "AccountId",
    "AccountKind",
    "AccountRef",
    "Candidate",
    "CatalogueEntry",
    "Condition",
    "ConditionOperator",
    "Contribution",
    "EnrichedTrait",
    "EnrichmentRequest",
    "Event",
    "EventId",
    "EventType",
    "Evidence",
    "Feature",
    "FeatureUseFacts",
    "Identifier",
    "IdentifierKind",
    "IntentFacts",
    "IntentLevel",
    "Lens",
    "Limits",
    "Measure",
    "MembershipFacts",
    "NodeId",
    "PersonalisationRequest",
    "PluginInfo",
    "PluginState",
    "ProfileFacts",
    "ProfileId",
    "PurchaseEffect",
    "Role",
    "RoleContribution",
    "RoleKind",
    "Secret",
    "SignalFacts",
    "Stage",
    "UsageFacts",
    "UsagePhase",
    "Workspace",
    "WorkspaceId",
    "WorkspaceSettings",
]
