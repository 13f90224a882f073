"""From what the two CRMs send when something changes to the events that say so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from cdp.errors import BadInput
from cdp.model import EventType, NewEvent, RouteAnswer, RouteRequest
from diptych_crm.records import HUBSPOT as BUYING_ROLE
from diptych_crm.records import RECORDS

HUBSPOT, SALESFORCE = "hubspot_contact", "salesforce_contact"
"""Kinds of identifiers."""
MOST = 500
"""Changes in one request; HubSpot sends 100 at most."""


def from_hubspot(request: RouteRequest) -> RouteAnswer:
    """Property changes of contacts, of which the buying role and the address count; the rest is left aside."""
    changes = request.json(list[dict[str, Any]])
    events = []
    for change in _bounded(changes):
        name, contact = change.get("propertyName"), change.get("objectId")
        if change.get("subscriptionType") != "contact.propertyChange" or name not in {BUYING_ROLE, "email"}:
            continue
        if not isinstance(contact, int | str):
            raise BadInput("A change has no objectId.")
        events.append(
            NewEvent(
                type=EventType.IDENTIFY,
                message_id=_id("hubspot", change),
                anonymous_id=f"hubspot-contact-{contact}",
                context=_known_as(HUBSPOT, str(contact)),
                traits={str(name): change.get("propertyValue")},
                timestamp=_milliseconds(change.get("occurredAt")),
            )
        )
    return RouteAnswer(json={"taken": len(events)}, events=tuple(events))


def from_salesforce(request: RouteRequest) -> RouteAnswer:
    """Records of OpportunityContactRole: the roles of each contact become what is known of that contact."""
    by_contact: dict[str, list[dict[str, Any]]] = {}
    for record in _bounded(request.json(list[dict[str, Any]])):
        contact = record.get("ContactId")
        if not isinstance(contact, str):
            raise BadInput("A record has no ContactId.")
        by_contact.setdefault(contact, []).append(record)
    events = tuple(
        NewEvent(
            type=EventType.IDENTIFY,
            message_id=_id("salesforce", records),
            anonymous_id=f"salesforce-contact-{contact}",
            context=_known_as(SALESFORCE, contact),
            traits={RECORDS: [_kept(record) for record in records], **_email(records)},
        )
        for contact, records in by_contact.items()
    )
    return RouteAnswer(json={"taken": len(events)}, events=events)


def contact_id(value: str, _default_country: str) -> str | None:
    """As the CRM writes it, without blanks around it."""
    return value.strip() or None


def _known_as(kind: str, contact: str) -> dict[str, Any]:
    return {"externalIds": [{"type": kind, "id": contact}]}


_KEPT = ("Id", "Role", "IsPrimary", "OpportunityId", "AccountId", "CreatedDate")


def _kept(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a role follows from; names and addresses stay out of the trait."""
    opportunity = record.get("Opportunity")
    account = opportunity.get("AccountId") if isinstance(opportunity, Mapping) else None
    found = {key: record[key] for key in _KEPT if record.get(key) is not None}
    return {**found, "AccountId": account} if account is not None else found


def _email(records: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    for record in records:
        contact = record.get("Contact")
        if isinstance(contact, Mapping) and isinstance(contact.get("Email"), str):
            return {"email": contact["Email"]}
    return {}


def _bounded(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(items) > MOST:
        raise BadInput(f"{len(items)} changes at once; send {MOST} at most.")
    return items


def _id(source: str, content: object) -> str:
    """The same content is the same message, however often it is sent."""
    text = msgspec.json.encode(content, order="sorted")
    return f"{source}-{hashlib.blake2b(text, digest_size=16).hexdigest()}"


def _milliseconds(value: object) -> datetime | None:
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) and value > 0 else None
