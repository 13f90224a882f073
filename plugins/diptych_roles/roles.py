"""The roles of a buying committee that are not the core's own."""

from __future__ import annotations

from cdp.model import RoleKind

EXECUTIVE_SPONSOR = "EXECUTIVE_SPONSOR"
LEGAL_AND_COMPLIANCE = "LEGAL_AND_COMPLIANCE"
TECHNICAL_EVALUATOR = "TECHNICAL_EVALUATOR"

REGISTERED = [
    RoleKind(
        name=EXECUTIVE_SPONSOR, description="Backs the purchase from the top without running it.", buying=True
    ),
    RoleKind(
        name=LEGAL_AND_COMPLIANCE, description="Must agree to contract, privacy and regulation.", buying=True
    ),
    RoleKind(name=TECHNICAL_EVALUATOR, description="Judges whether it works, fits and is safe.", buying=True),
]
