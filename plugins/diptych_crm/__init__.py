"""What a CRM says of somebody's part in a purchase: HubSpot's buying roles, Salesforce's contact roles.

The data arrives as traits, however it comes: imported with `cdp import`, sent as `identify` by whoever syncs the CRM,
or by a webhook of the CRM itself to one of the plugin's two routes. Contacts are known by the identifiers
`hubspot_contact` and `salesforce_contact`, which an import may give too.

| trait | what it holds |
| --- | --- |
| `hs_buying_role` | HubSpot's contact property: several values, separated by `;`, or a list |
| `salesforce_contact_role`, `opportunity_contact_role`, `contact_role` | one or several roles, as in Salesforce |
| `salesforce_contact_roles` | OpportunityContactRole records, each of one opportunity, and so of one account |

A salesperson wrote it down about this very person, so it is believed with 0.9; it may be out of date, so with no more.
The primary contact of an opportunity is believed a little more. Values that are not known, and OTHER, say nothing; a
workspace that has values of its own in its CRM says with the setting `vocabulary` what they mean.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from cdp.hooks import hookimpl
from cdp.model import (
    Evidence,
    IdentifierKind,
    KeyAuth,
    MembershipFacts,
    PluginInfo,
    RoleContribution,
    RoleKind,
    Route,
)
from diptych_crm.records import Statement, statements
from diptych_crm.vocabulary import BLOCKER, role_of
from diptych_crm.webhooks import HUBSPOT, SALESFORCE, contact_id, from_hubspot, from_salesforce


class CrmSettings(Struct, frozen=True, kw_only=True):
    """What a workspace may set."""

    confidence: Annotated[float, Meta(gt=0, le=0.94)] = 0.9
    """How often what the CRM says is right."""
    vocabulary: dict[str, str] = {}
    """Values of the workspace's own CRM and the role that each means, such as `Procurement Lead`: `ECONOMIC_BUYER`."""


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Takes roles over from HubSpot and Salesforce.", labels=frozenset({"roles", "crm"})
    )


@hookimpl
def register_settings() -> type[CrmSettings]:
    """What a workspace may set."""
    return CrmSettings


@hookimpl
def register_roles() -> list[RoleKind]:
    """The one that only a CRM tells of; the others are the core's and diptych_roles'."""
    return [RoleKind(name=BLOCKER, description="Can stop the purchase, and tends to.", buying=True)]


@hookimpl
def register_identifier_kinds() -> list[IdentifierKind]:
    """The ids by which the two CRMs call a contact; a person is one contact of each."""
    return [
        IdentifierKind(name=name, priority=15, limit=1, normalise=contact_id)
        for name in (HUBSPOT, SALESFORCE)
    ]


@hookimpl
def resolve_roles(membership: MembershipFacts, settings: CrmSettings) -> list[RoleContribution]:
    """One claim for each role that the CRM names here, with all that says so."""
    said: dict[str, list[Statement]] = {}
    for statement in statements(membership):
        role = role_of(statement.value, settings.vocabulary)
        if role is not None:
            said.setdefault(role, []).append(statement)
    return [
        RoleContribution(
            role=role,
            confidence=settings.confidence + (0.05 if any(one.primary for one in found) else 0.0),
            evidence=tuple(Evidence(reason=one.reason, facts=one.facts) for one in found),
            since=min((one.since for one in found if one.since is not None), default=None),
        )
        for role, found in said.items()
    ]


@hookimpl
def register_routes() -> list[Route]:
    """Where a CRM sends what changed; both take a secret key that may write events."""
    auth = KeyAuth(scopes=frozenset({"events:write"}))
    return [
        Route(
            method="POST",
            path="hubspot",
            description="Webhooks of HubSpot about contacts: property changes, as HubSpot sends them.",
            handle=from_hubspot,
            auth=auth,
            ingests=True,
        ),
        Route(
            method="POST",
            path="salesforce",
            description="OpportunityContactRole records of Salesforce, all those of a contact together.",
            handle=from_salesforce,
            auth=auth,
            ingests=True,
        ),
    ]
