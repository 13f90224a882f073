"""The `b2b` tables as tracking items: who people are, where they work, what their browsers and sellers recorded.

`buyer_role` is never read here, nor `role_function`, which spells the same thing differently: they are what role
resolution is scored against.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cdp.demo.crm import Contact, Crm
from cdp.demo.tables import Item, at


def item(kind: str, message_id: str, moment: datetime, **fields: Any) -> Item:
    """One call, with a message id that the same row always has: importing twice counts once."""
    return {"type": kind, "messageId": f"demo:b2b:{message_id}", "timestamp": moment, **fields}


def items(crm: Crm) -> Iterator[Item]:
    """Everything that the tables say, in no particular order."""
    yield from _people(crm)
    yield from _leads(crm)
    yield from _sessions(crm)
    yield from _touches(crm)
    yield from _activities(crm)
    yield from _opportunities(crm)


def _people(crm: Crm) -> Iterator[Item]:
    named: set[str] = set()
    for contact in crm.contacts.values():
        row = contact.row
        moment = datetime.combine(date.fromisoformat(row["created_at"]), time(7), UTC)
        yield item(
            "identify",
            f"{contact.user_id}:person",
            moment,
            userId=contact.user_id,
            traits=person_traits(contact),
        )
        # The company's traits come with its first contact: they are the same in each of them.
        traits = {} if contact.account_id in named else company_traits(crm, contact.account_id)
        named.add(contact.account_id)
        yield item(
            "group",
            f"{contact.user_id}:company",
            moment,
            userId=contact.user_id,
            groupId=contact.account_id,
            traits=traits,
        )


def person_traits(contact: Contact) -> dict[str, Any]:
    """What the CRM knows of a person, and what is made up for them (`derived` names it)."""
    made_up = {
        "name": contact.name.name,
        "firstName": contact.name.first,
        "lastName": contact.name.last,
        "email": contact.email,
        "phone": contact.phone,
    }
    made_up = {key: value for key, value in made_up.items() if value is not None}
    known = {"title": contact.row["job_title"], "seniority": contact.row["seniority"]}
    return {**made_up, **known, "derived": sorted(made_up)}


def company_traits(crm: Crm, account_id: str) -> dict[str, Any]:
    """What the CRM knows of a company, and its made-up name and domain."""
    row, company = crm.accounts[account_id], crm.company(account_id)
    return {
        "name": company.name,
        "domain": company.domain,
        "industry": row["industry"],
        "region": row["region"],
        "employee_band": row["employee_band"],
        "revenue_band": row["estimated_revenue_band"],
        "process_maturity": row["process_maturity_band"],
        "derived": ["domain", "name"],
    }


def _leads(crm: Crm) -> Iterator[Item]:
    """A lead is where a browser meets a name: its web sessions were anonymous until then."""
    for lead in crm.leads.values():
        moment = datetime.combine(date.fromisoformat(lead["lead_created_at"]), time(7, 30), UTC)
        yield item(
            "identify",
            f"{lead['lead_id']}:person",
            moment,
            userId=lead["contact_id"],
            anonymousId=browser(lead["lead_id"]),
            traits={"lead_source": lead["lead_source"]},
        )


def browser(lead_id: str) -> str:
    """The anonymous id under which a lead's web sessions are sent."""
    return f"web-{lead_id}"


def _sessions(crm: Crm) -> Iterator[Item]:
    for row in crm.sessions:
        session_id, landing = row["session_id"], row["session_type"]
        start = at(date.fromisoformat(row["session_timestamp"]), session_id, hours=(8, 17))
        visitor = {"anonymousId": browser(row["lead_id"]), "context": {"sessionId": session_id}}
        path = {"pricing_page": "/pricing", "demo_page": "/demo"}.get(landing, "/")
        page_views, seconds = int(row["page_views"]), int(row["session_duration_seconds"])
        seen = {"path": path, "page_views": page_views, "duration_seconds": seconds}
        yield item("page", session_id, start, **visitor, properties=seen)
        # The data counts views of these two pages apart from the page that the session is named after.
        for view in range(int(row["pricing_page_views"]) - int(landing == "pricing_page")):
            moment = start + timedelta(seconds=20 * (view + 1))
            message_id = f"{session_id}:pricing:{view}"
            yield item(
                "track",
                message_id,
                moment,
                **visitor,
                event="Pricing Viewed",
                properties={"path": "/pricing"},
            )
        for view in range(int(row["demo_page_views"]) - int(landing == "demo_page")):
            moment = start + timedelta(seconds=20 * (view + 1) + 10)
            yield item("page", f"{session_id}:demo:{view}", moment, **visitor, properties={"path": "/demo"})


_INBOUND = {"content_download": "Content Downloaded", "webinar": "Webinar Attended"}
_OUTBOUND = {
    "content_download": "Content Sent",
    "webinar": "Webinar Invitation Sent",
    "email": "Email Sent",
    "call": "Call Made",
    "linkedin_message": "Message Sent",
}


def _touches(crm: Crm) -> Iterator[Item]:
    """What people did towards the vendor is intent; what the vendor sent them is not, and stays unclassified."""
    for row in crm.touches:
        kind, channel = row["touch_type"], row["touch_channel"]
        inbound = row["touch_direction"] == "inbound"
        name = _INBOUND.get(kind, "Sales Contacted") if inbound else _OUTBOUND[kind]
        yield item(
            "track",
            row["touch_id"],
            at(date.fromisoformat(row["touch_timestamp"]), row["touch_id"]),
            userId=crm.leads[row["lead_id"]]["contact_id"],
            event=name,
            properties={"touch": kind, "channel": channel},
        )


def _activities(crm: Crm) -> Iterator[Item]:
    """A demo or a meeting that took place says something about the person; a voicemail does not."""
    for row in crm.activities:
        kind, outcome = row["activity_type"], row["activity_outcome"]
        match kind, outcome:
            case "demo", "demo_completed":
                name = "Demo Attended"
            case "meeting", "connected":
                name = "Sales Meeting Held"
            case _:
                name = "Sales Activity Logged"
        yield item(
            "track",
            row["activity_id"],
            at(date.fromisoformat(row["activity_timestamp"]), row["activity_id"]),
            userId=crm.leads[row["lead_id"]]["contact_id"],
            event=name,
            properties={"activity": kind, "outcome": outcome, "seller": row["rep_id"]},
        )


_QUOTED = {"proposal_sent", "negotiation", "closed_won"}
_NEGOTIATED = {"negotiation", "closed_won"}


def _opportunities(crm: Crm) -> Iterator[Item]:
    last_fact = _last_facts(crm)
    deals = {deal.opportunity_id: deal for deal in crm.deals}
    for opportunity_id, row in crm.opportunities.items():
        lead = crm.leads[row["lead_id"]]
        who = {"userId": lead["contact_id"], "context": {"groupId": lead["account_id"]}}
        value = {"contract_id": opportunity_id, "value": row["estimated_acv"], "currency": "USD"}
        opened = date.fromisoformat(row["created_at"])
        closed = date.fromisoformat(row["closed_at"]) if row["closed_at"] else None
        # The data knows that a stage was reached, not when: the last dated contact, no later than the close.
        latest = max(opened, last_fact.get(row["lead_id"], opened))
        reached = min(closed, latest) if closed else latest
        stage = {**value, "day_is_derived": True}

        def fact(
            name: str,
            day: date,
            hour: float,
            properties: dict[str, Any],
            *,
            who: dict[str, Any] = who,
            opportunity_id: str = opportunity_id,
        ) -> Item:
            moment = at(day, opportunity_id, name, hours=(hour, hour + 0.5))
            message_id = f"{opportunity_id}:{name}"
            return item("track", message_id, moment, **who, event=name, properties=properties)

        yield fact("Opportunity Created", opened, 8.0, value)
        if row["stage"] in _QUOTED:
            yield fact("Quote Requested", reached, 16.0, stage)
        if row["stage"] in _NEGOTIATED:
            yield fact("Negotiation Started", reached, 17.0, stage)
        if closed is not None and row["close_outcome"] == "closed_lost":
            yield fact("Opportunity Lost", closed, 18.0, value)
        if opportunity_id in deals:
            deal = deals[opportunity_id]
            yield fact(
                "Contract Signed",
                closed or deal.start,
                18.0,
                {
                    "contract_id": opportunity_id,
                    "total": row["estimated_acv"],
                    "currency": "USD",
                    "plan": deal.plan,
                    "starts": deal.start,
                    "renewal_date": deal.start + timedelta(days=365),
                },
            )


def _last_facts(crm: Crm) -> dict[str, date]:
    """The last day on which something of a lead was recorded."""
    last: dict[str, date] = {}
    dated = (
        (crm.sessions, "session_timestamp"),
        (crm.touches, "touch_timestamp"),
        (crm.activities, "activity_timestamp"),
    )
    for rows, column in dated:
        for row in rows:
            day = date.fromisoformat(row[column])
            if day > last.get(row["lead_id"], date.min):
                last[row["lead_id"]] = day
    return last
