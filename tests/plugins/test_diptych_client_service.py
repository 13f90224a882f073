"""Client service: a client gets a named contact, others a queue."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from cdp.hooks.answers import candidate
from cdp.model import Candidate, Lens, PersonalisationRequest
from diptych_client_service import choose_personalisation
from diptych_client_service.settings import ClientService, Contact
from tests.plugins.people import FIRM, person

EVE = Contact(name="Eve Moneypenny", email="eve@vendor.example")


def chosen(*roles: str, slot: str = "contact", traits: dict[str, Any] | None = None, **given: Any) -> Any:
    account = structs.replace(FIRM, domain="acme.example", traits=traits or {})
    request = PersonalisationRequest(slot=slot, membership=person(account=account), roles=roles, features=())
    return candidate(request, choose_personalisation(request, ClientService(**given)))


def test_a_client_is_given_the_contact_of_their_account() -> None:
    """Whom the account's trait names; made from no panel, since roles are for everybody to see."""
    manager = {"name": "Eve Moneypenny", "phone": "+44 20 7946 0000", "team": "Gold"}
    assert chosen("CLIENT", traits={"account_manager": manager}) == Candidate(
        variant="named_contact",
        content={"contact": {"name": "Eve Moneypenny", "phone": "+44 20 7946 0000"}},
        lens=Lens.NONE,
        reason="Is a client of whom Eve Moneypenny takes care.",
    )


@pytest.mark.parametrize(
    ("traits", "settings", "contact"),
    [
        ({"account_manager": " Eve "}, {}, {"name": "Eve"}),
        ({"csm": "Eve"}, {"trait": "csm"}, {"name": "Eve"}),
        ({}, {"contacts": {"acme.example": EVE}}, {"name": EVE.name, "email": EVE.email}),
        ({"account_manager": "Q"}, {"contacts": {"acme.example": EVE}}, {"name": "Q"}),
        ({"account_manager": {"phone": "1"}}, {"default": EVE}, {"name": EVE.name, "email": EVE.email}),
        ({"account_manager": ""}, {"default": EVE}, {"name": EVE.name, "email": EVE.email}),
        ({"account_manager": 7}, {"default": EVE}, {"name": EVE.name, "email": EVE.email}),
    ],
)
def test_a_contact_is_named_by_trait_then_by_domain_then_for_all(
    traits: dict[str, Any], settings: dict[str, Any], contact: dict[str, str]
) -> None:
    """A trait that cannot be used is as none."""
    found = chosen("CLIENT", traits=traits, **settings)
    assert (found.variant, found.content) == ("named_contact", {"contact": contact})


def test_a_client_of_nobody_waits_in_the_clients_queue() -> None:
    found = chosen("CLIENT")
    assert (found.variant, found.content) == ("client_queue", {"queue": "clients"})


def test_everybody_else_waits_in_the_queue_of_the_settings() -> None:
    """Named contacts are for clients."""
    found = chosen("END_USER", traits={"account_manager": "Eve"}, queue="helpdesk")
    assert (found.variant, found.content) == ("queue", {"queue": "helpdesk"})


def test_other_slots_are_left_to_others() -> None:
    assert chosen("CLIENT", slot="home_hero") is None
    assert chosen("CLIENT", slot="help", default=EVE) is None
