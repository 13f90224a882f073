"""For a user: a tip on a feature of the product that they have not adopted."""

from __future__ import annotations

from cdp.model import Candidate, Lens, PersonalisationRequest


def make(request: PersonalisationRequest, *, priority: int) -> Candidate:
    """Made from the usage panel and the workspace's list of features alone."""
    usage = request.membership.usage
    used = {one.feature for one in usage.features}
    known = [feature for feature in request.features if feature.key in used]
    missing = [feature for feature in request.features if feature.key not in used]
    if not missing:
        return Candidate(
            variant="welcome_back",
            content={"headline": "Welcome back", "adopted": len(known), "of": len(request.features)},
            lens=Lens.USAGE,
            reason=f"Has used all {len(known)} features."
            if known
            else "Uses the product, and the workspace has not listed its features.",
            priority=priority,
        )
    # A feature with a tip before one without; else in the workspace's order.
    feature = min(missing, key=lambda one: one.tip is None)
    return Candidate(
        variant="tip",
        content={
            "headline": f"Have you tried {feature.name}?",
            "feature": feature.key,
            "tip": feature.tip,
            "adopted": len(known),
            "of": len(request.features),
            "phase": usage.phase,
        },
        lens=Lens.USAGE,
        reason=f"Uses the product ({usage.phase}), {len(known)} of {len(request.features)} features, "
        f"and not yet {feature.name}.",
        priority=priority,
    )
