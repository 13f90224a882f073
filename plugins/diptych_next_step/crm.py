"""News of the CRM, by a webhook that is signed as standardwebhooks.com says, as events; and the words for frontends."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cdp.hooks import hookimpl
from cdp.model import EventType, NewEvent, PublicAuth, Route, RouteAnswer, RouteRequest, WebhookAuth
from diptych_next_step.steps import Action


class Contact(Struct, frozen=True, kw_only=True):
    """Somebody in the CRM."""

    user_id: str
    email: str | None = None
    name: str | None = None
    lifecycle_stage: str | None = None


class Company(Struct, frozen=True, kw_only=True):
    """Where they work."""

    id: str
    name: str | None = None
    owner: str | None = None


class News(Struct, frozen=True, kw_only=True):
    """What the CRM sends: a contact, where they work, and what was done with them, if anything was."""

    contact: Contact
    company: Company | None = None
    event: str | None = None
    properties: dict[str, Any] = {}


@hookimpl
def register_routes() -> list[Route]:
    """The webhook, and the words."""
    return [
        Route(
            method="POST",
            path="crm",
            description="News of the CRM.",
            auth=WebhookAuth(secret="crm_secret"),  # noqa: S106 - the name of a setting
            ingests=True,
            handle=take_news,
        ),
        Route(
            method="GET",
            path="actions",
            description="The actions that a next step can be, for frontends.",
            auth=PublicAuth(),
            handle=list_actions,
        ),
    ]


def take_news(request: RouteRequest) -> RouteAnswer:
    """An identify, a group where there is a company, and a track where something was done."""
    news: News = request.json(News)
    person, company = news.contact, news.company
    traits = {"email": person.email, "name": person.name, "lifecycle_stage": person.lifecycle_stage}
    who, delivery = person.user_id, f"crm-{request.delivery}"
    events = [
        NewEvent(
            type=EventType.IDENTIFY, message_id=f"{delivery}-identify", user_id=who, traits=_given(traits)
        )
    ]
    if company is not None:
        group = {"name": company.name, "owner": company.owner}
        events.append(
            NewEvent(
                type=EventType.GROUP,
                message_id=f"{delivery}-group",
                user_id=who,
                group_id=company.id,
                traits=_given(group),
            )
        )
    if news.event is not None:
        events.append(
            NewEvent(
                type=EventType.TRACK,
                message_id=f"{delivery}-track",
                user_id=who,
                event=news.event,
                group_id=company.id if company else None,
                properties=news.properties,
            )
        )
    return RouteAnswer(status=202, json={"events": len(events)}, events=tuple(events))


def list_actions() -> RouteAnswer:
    """Every action, and what to call it."""
    actions = {action.value: action.value.replace("_", " ").capitalize() for action in Action}
    return RouteAnswer(json={"actions": actions}, headers={"Cache-Control": "public, max-age=3600"})


def _given(traits: dict[str, str | None]) -> dict[str, Any]:
    return {key: value for key, value in traits.items() if value is not None}
