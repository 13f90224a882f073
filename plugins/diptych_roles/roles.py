"""The roles of a buying committee that are not the core's own."""

from __future__ import annotations

from cdp.model import RoleKind

BLOCKER = "BLOCKER"
EXECUTIVE_SPONSOR = "EXECUTIVE_SPONSOR"
LEGAL_AND_COMPLIANCE = "LEGAL_AND_COMPLIANCE"
TECHNICAL_EVALUATOR = "TECHNICAL_EVALUATOR"

REGISTERED = [
    RoleKind(name=BLOCKER, description="Can stop the purchase, and tends to."),
    RoleKind(name=EXECUTIVE_SPONSOR, description="Backs the purchase from the top without running it."),
    RoleKind(name=LEGAL_AND_COMPLIANCE, description="Must agree to contract, privacy and regulation."),
    RoleKind(name=TECHNICAL_EVALUATOR, description="Judges whether it works, fits and is safe."),
]
