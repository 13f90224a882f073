"""Whom to turn to: a client gets a named contact, everybody else a queue.

Fills the slot `contact` unless a workspace sets another. Who serves whom is no experiment, so the plugin chooses by
itself, and the hash is not asked. It looks at roles alone, which everybody may see.
"""

from __future__ import annotations

from cdp.hooks import hookimpl
from cdp.model import Candidate, Lens, PersonalisationRequest, PluginInfo, Role
from diptych_client_service.contacts import contact_of
from diptych_client_service.settings import ClientService


@hookimpl
def register_plugin() -> PluginInfo:
    """In a sentence."""
    return PluginInfo(summary="A client gets a named contact, others a queue.")


@hookimpl
def register_settings() -> type[ClientService]:
    """Which slot, which contacts, which queues."""
    return ClientService


@hookimpl
def choose_personalisation(request: PersonalisationRequest, settings: ClientService) -> Candidate | None:
    """The named contact of a client's account, the clients' queue where there is none, or the queue of all others."""
    if request.slot != settings.slot:
        return None
    if Role.CLIENT not in request.roles:
        return Candidate(
            variant="queue",
            content={"queue": settings.queue},
            lens=Lens.NONE,
            reason="Is no client in this account.",
        )
    contact = contact_of(request.membership.account, settings)
    if contact is None:
        return Candidate(
            variant="client_queue",
            content={"queue": settings.client_queue},
            lens=Lens.NONE,
            reason="Is a client of whom nobody in particular takes care.",
        )
    return Candidate(
        variant="named_contact",
        content={"contact": contact.shown()},
        lens=Lens.NONE,
        reason=f"Is a client of whom {contact.name} takes care.",
    )
