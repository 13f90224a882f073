"""What a CRM says of somebody's part in the purchase: HubSpot's buying role, Salesforce's contact role."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdp.model import Role
from diptych_roles.grounds import Ground
from diptych_roles.roles import BLOCKER, EXECUTIVE_SPONSOR, LEGAL_AND_COMPLIANCE, TECHNICAL_EVALUATOR

CONFIDENCE = 0.9
"""A salesperson wrote it down about this person; it may be out of date."""

HUBSPOT = "hs_buying_role"
"""HubSpot's property: several values, separated by `;`."""
SALESFORCE = ("salesforce_contact_role", "opportunity_contact_role", "contact_role")
"""Traits in which the role of Salesforce's OpportunityContactRole or AccountContactRole arrives."""

VALUES: Mapping[str, str] = {
    # HubSpot
    "BLOCKER": BLOCKER,
    "BUDGET_HOLDER": Role.ECONOMIC_BUYER,
    "CHAMPION": Role.CHAMPION,
    "DECISION_MAKER": Role.ECONOMIC_BUYER,
    "END_USER": Role.END_USER,
    "EXECUTIVE_SPONSOR": EXECUTIVE_SPONSOR,
    "INFLUENCER": Role.INFLUENCER,
    "LEGAL_AND_COMPLIANCE": LEGAL_AND_COMPLIANCE,
    # Salesforce, as it ships
    "BUSINESS_USER": Role.END_USER,
    "ECONOMIC_BUYER": Role.ECONOMIC_BUYER,
    "ECONOMIC_DECISION_MAKER": Role.ECONOMIC_BUYER,
    "EVALUATOR": TECHNICAL_EVALUATOR,
    "TECHNICAL_BUYER": TECHNICAL_EVALUATOR,
    "TECHNICAL_EVALUATOR": TECHNICAL_EVALUATOR,
}
"""OTHER, and what is not here, says nothing."""


def grounds(traits: Mapping[str, Any]) -> Iterator[Ground]:
    """One for each role that the CRM names."""
    seen: set[str] = set()
    for key in (HUBSPOT, *SALESFORCE):
        for value in _values(traits.get(key)):
            role = VALUES.get(re.sub(r"[\W_]+", "_", value.strip()).strip("_").upper())
            if role is not None and role not in seen:
                seen.add(role)
                yield Ground(
                    role=role,
                    confidence=CONFIDENCE,
                    reason=f"the CRM says {value.strip()[:60]!r}",
                    facts={"trait": key, "value": value.strip()[:200]},
                )


def _values(value: object) -> list[str]:
    match value:
        case str():
            return value.split(";")
        case list():
            return [item for item in value if isinstance(item, str)]
        case _:
            return []
