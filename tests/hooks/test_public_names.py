"""The names that plugins may rely on; a change of any of them is a change for all authors."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

import cdp
import cdp.errors
import cdp.hooks
import cdp.model
import cdp.testing
from cdp.hooks.specs import Hooks, hook_names
from tests.hooks.parts import HOOKS

PUBLIC = {
    "cdp": set(),
    "cdp.hooks": {"Hooks", "hookimpl"},
    "cdp.testing": {
        "BEGINNING",
        "Answer",
        "Clock",
        "Core",
        "Failed",
        "HookCall",
        "HookCalls",
    },
    "cdp.errors": {
        "BadInput",
        "Conflict",
        "DiptychError",
        "Forbidden",
        "Misconfigured",
        "NotFound",
        "OutboundFailed",
        "OutboundRefused",
        "RateLimited",
        "TablesFailed",
        "TooLarge",
        "Unauthenticated",
        "Unavailable",
    },
    "cdp.model": {
        "AccountClaim",
        "AccountEnrichmentRequest",
        "AccountFacts",
        "AccountId",
        "AccountKind",
        "AccountRef",
        "Batch",
        "Candidate",
        "Cap",
        "CatalogueEntry",
        "Change",
        "ChangedAccount",
        "ChangedPerson",
        "Charged",
        "Classification",
        "Command",
        "CommandAnswer",
        "CommandRequest",
        "Condition",
        "ConditionOperator",
        "ConsentQuestion",
        "Contribution",
        "EnrichedTrait",
        "EnrichmentRequest",
        "Event",
        "EventId",
        "EventType",
        "Evidence",
        "Feature",
        "FeatureUseFacts",
        "FieldRequest",
        "GraphField",
        "GraphMutation",
        "GraphQuery",
        "Http",
        "HttpResponse",
        "Identifier",
        "IdentifierKind",
        "IdentityRule",
        "IntentFacts",
        "IntentLevel",
        "Job",
        "JobCancelled",
        "JobRun",
        "Jobs",
        "KeyAuth",
        "Label",
        "Lens",
        "Limits",
        "LinkCandidate",
        "LinkVeto",
        "Measure",
        "Measured",
        "MembershipChange",
        "MembershipFacts",
        "MembershipState",
        "MissedTicks",
        "MutationAnswer",
        "MutationRequest",
        "NO_ACCOUNT",
        "NewEvent",
        "NoArguments",
        "NodeId",
        "PersonalisationRequest",
        "PluginInfo",
        "PluginState",
        "ProcessFacts",
        "ProfileChange",
        "ProfileFacts",
        "ProfileId",
        "ProfileState",
        "Provider",
        "PublicAuth",
        "PurchaseEffect",
        "Purpose",
        "QueryRequest",
        "RateLimit",
        "Redacted",
        "Role",
        "RoleChange",
        "RoleContribution",
        "RoleKind",
        "RoleState",
        "Route",
        "RouteAnswer",
        "RouteRequest",
        "Schedule",
        "ScopeName",
        "ScoreContribution",
        "Secret",
        "SignalFacts",
        "Stage",
        "StageChange",
        "Subject",
        "Tables",
        "Unanswered",
        "UsageFacts",
        "UsagePhase",
        "WebhookAuth",
        "Withheld",
        "Workspace",
        "WorkspaceId",
        "WorkspaceSettings",
    },
}


def names_of(module: ModuleType) -> set[str]:
    """The names that a module offers: those of `__all__`, else all of its own that do not begin with `_`."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


@pytest.mark.parametrize(
    "module", [cdp, cdp.hooks, cdp.errors, cdp.model, cdp.testing], ids=lambda module: module.__name__
)
def test_the_public_names_are_these(module: ModuleType) -> None:
    """None goes, and none comes by accident."""
    assert names_of(module) == PUBLIC[module.__name__]


def test_the_hooks_and_their_arguments_are_these() -> None:
    """By name: plugins are called by name."""
    found = {
        hook: tuple(name for name in inspect.signature(getattr(Hooks, hook)).parameters if name != "self")
        for hook in hook_names()
    }
    assert found == HOOKS
