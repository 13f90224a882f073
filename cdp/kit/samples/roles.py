"""A role, and who holds it."""

from cdp.hooks import hookimpl
from cdp.model import Evidence, MembershipFacts, RoleContribution, RoleKind


@hookimpl
def register_roles() -> list[RoleKind]:
    """The role, so that it can be claimed, and be filtered by."""
    return [RoleKind(name="POWER_USER", description="Uses three features of the product, or more.")]


@hookimpl
def resolve_roles(membership: MembershipFacts) -> list[RoleContribution]:
    """All roles that we see; one that is no longer returned ends."""
    features = [one.feature for one in membership.usage.features]
    if len(features) < 3:
        return []
    why = Evidence(reason=f"uses {len(features)} features", facts={"features": features})
    return [RoleContribution(role="POWER_USER", confidence=0.8, evidence=(why,))]
