"""What the words of the two CRMs mean here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdp.model import Role

BLOCKER = "BLOCKER"
EXECUTIVE_SPONSOR = "EXECUTIVE_SPONSOR"
LEGAL_AND_COMPLIANCE = "LEGAL_AND_COMPLIANCE"
TECHNICAL_EVALUATOR = "TECHNICAL_EVALUATOR"

HUBSPOT: Mapping[str, str] = {
    "BLOCKER": BLOCKER,
    "BUDGET_HOLDER": Role.ECONOMIC_BUYER,
    "CHAMPION": Role.CHAMPION,
    "DECISION_MAKER": Role.ECONOMIC_BUYER,
    "END_USER": Role.END_USER,
    "EXECUTIVE_SPONSOR": EXECUTIVE_SPONSOR,
    "INFLUENCER": Role.INFLUENCER,
    "LEGAL_AND_COMPLIANCE": LEGAL_AND_COMPLIANCE,
}
"""`hs_buying_role`. OTHER says nothing."""

SALESFORCE: Mapping[str, str] = {
    "BUSINESS_USER": Role.END_USER,
    "DECISION_MAKER": Role.ECONOMIC_BUYER,
    "ECONOMIC_BUYER": Role.ECONOMIC_BUYER,
    "ECONOMIC_DECISION_MAKER": Role.ECONOMIC_BUYER,
    "EVALUATOR": TECHNICAL_EVALUATOR,
    "EXECUTIVE_SPONSOR": EXECUTIVE_SPONSOR,
    "INFLUENCER": Role.INFLUENCER,
    "TECHNICAL_BUYER": TECHNICAL_EVALUATOR,
    "TECHNICAL_EVALUATOR": TECHNICAL_EVALUATOR,
}
"""Roles of OpportunityContactRole and AccountContactRole, as Salesforce ships them. Other says nothing."""


def role_of(value: str, own: Mapping[str, str]) -> str | None:
    """The role that a value means, the workspace's own words first; None: none that is known."""
    written = _key(value)
    mine = {_key(word): role for word, role in own.items()}
    return mine.get(written) or HUBSPOT.get(written) or SALESFORCE.get(written)


def _key(value: str) -> str:
    return re.sub(r"[\W_]+", "_", value.strip()).strip("_").upper()
