"""Plugins in the decision: candidates beside the workspace's, a choice before the hash, consent before everything."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from cdp.app import Application
from cdp.hooks import hookimpl
from cdp.model import Batch, Candidate, Cap, ConsentQuestion, Lens, PersonalisationRequest, Purpose
from tests.mutations.conftest import Api, Asking
from tests.personalisation.conftest import Slotted


def candidate(name: str, **given: Any) -> Candidate:
    return Candidate(
        **({"variant": name, "content": {}, "lens": Lens.NONE, "reason": f"{name}, why not"} | given)
    )


@pytest.fixture
def plug(application: Application) -> Callable[..., None]:
    """Registers a plugin made of functions, each for the slot `banner` alone."""

    def register(name: str, **functions: Any) -> None:
        plugin = SimpleNamespace(**{hook: hookimpl(one) for hook, one in functions.items()})
        application.plugins.register(plugin, name=name)
        known = {one.name: one for one in application.plugins.health()}
        assert known[name].loaded, known[name].error

    return register


async def test_what_plugins_propose_takes_part_like_a_variant(
    slots: Slotted, api: Api, plug: Callable[..., None]
) -> None:
    """By priority and cap; of one name the workspace's stands; a plugin that fails takes its candidates along."""
    asked: list[PersonalisationRequest] = []

    def propose(request: PersonalisationRequest) -> list[Candidate]:
        asked.append(request)
        if request.slot != "banner":
            return []
        return [candidate("ours"), candidate("theirs", priority=2, cap=Cap(times=1))]

    def failing(request: PersonalisationRequest) -> list[Candidate]:
        return [candidate("x"), candidate("x")]

    plug("proposer", propose_personalisation=propose)
    plug("failing", propose_personalisation=failing)
    await slots.define()
    await slots.variant("ours", priority=1)
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    choice = await slots.choice("ada")
    assert (choice["variant"], choice["plugin"], choice["reason"]) == (
        "theirs",
        "proposer",
        "theirs, why not",
    )
    assert [
        (one["variant"], one["plugin"], one["standing"]) for one in choice["explanation"]["candidates"]
    ] == [
        ("ours", None, "OUTRANKED"),
        ("ours", "proposer", "NAME_TAKEN"),
        ("theirs", "proposer", "SHOWN"),
    ]
    await slots.track("ada", choice)
    assert (await slots.choice("ada"))["variant"] == "ours"
    assert [request.candidates for request in asked] == [(), ()]


async def test_a_choice_stands_before_the_hash_if_it_is_eligible(
    slots: Slotted, api: Api, plug: Callable[..., None]
) -> None:
    """One of the candidates, or one that the plugin brings along; never one that is not eligible."""
    wanted: list[Candidate | None] = []
    offered: list[tuple[str, ...]] = []

    def choose(request: PersonalisationRequest) -> Candidate | None:
        offered.append(tuple(one.variant for one in request.candidates))
        return wanted[-1]

    plug("chooser", choose_personalisation=choose)
    await slots.define()
    await slots.variant("first", priority=1)
    await slots.variant("second")
    await slots.variant("paused", paused=True)
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    chosen = {}
    for one in (None, candidate("second"), candidate("own"), candidate("paused")):
        wanted.append(one)
        choice = await slots.choice("ada")
        chosen[one and one.variant] = (choice["variant"], choice["outcome"], choice["plugin"])
    assert chosen == {
        None: ("first", "ASSIGNED", None),
        "second": ("second", "CHOSEN", None),
        "own": ("own", "CHOSEN", "chooser"),
        "paused": ("first", "ASSIGNED", None),
    }
    assert offered == [("first", "second")] * 4


async def test_without_consent_nothing_is_looked_at(
    slots: Slotted, api: Api, asking: Asking, plug: Callable[..., None]
) -> None:
    """The fallback, why, and nothing to track; plugins are not asked about the person."""
    asked: list[str] = []

    def guard(questions: Batch[ConsentQuestion]) -> dict[int, str]:
        return {
            index: "Declined on the form."
            for index, one in enumerate(questions)
            if one.purpose is Purpose.PERSONALISATION and one.known.get("personalisation") is False
        }

    def propose(request: PersonalisationRequest) -> list[Candidate]:
        asked.extend(one.value for one in request.membership.profile.identifiers)
        return []

    plug("consent", guard_consent=guard)
    plug("curious", propose_personalisation=propose)
    await slots.define(fallback={"is": "plain"})
    await slots.variant("a")
    await api.ingest(
        {"type": "IDENTIFY", "userId": "ada", "traits": {"consent": {"personalisation": False}}},
        {"type": "IDENTIFY", "userId": "bob", "traits": {"consent": {"personalisation": True}}},
        {"type": "IDENTIFY", "userId": "cat"},
    )
    ada = await slots.choice("ada", by=await asking("PARTNER"))
    assert (ada["variant"], ada["outcome"], ada["content"], ada["tracking"]) == (
        "fallback",
        "NO_CONSENT",
        {"is": "plain"},
        None,
    )
    assert ada["explanation"] == {"consent": "Declined on the form.", "inHoldout": False, "candidates": []}
    assert await slots.choice("ada", slot="home_hero") is None
    assert [(await slots.choice(user))["variant"] for user in ("bob", "cat")] == ["a", "a"]
    assert set(asked) == {"bob", "cat"}


async def test_where_consent_cannot_be_found_out_nobody_s_data_is_used(
    slots: Slotted, api: Api, plug: Callable[..., None]
) -> None:
    """What the failing plugin said is not shown."""

    def guard(questions: Batch[ConsentQuestion]) -> dict[int, str]:
        if any(one.purpose is Purpose.PERSONALISATION for one in questions):
            raise RuntimeError("secret")
        return {}

    plug("broken", guard_consent=guard)
    await slots.define()
    await slots.variant("a")
    await api.ingest({"type": "IDENTIFY", "userId": "ada"})
    choice = await slots.choice("ada")
    assert (choice["outcome"], choice["reason"]) == (
        "NO_CONSENT",
        "Whether the person consents could not be found out.",
    )


async def test_a_client_is_routed_to_their_contact_and_others_to_a_queue(api: Api, slots: Slotted) -> None:
    """The first-party plugin, by the roles that people hold and the account's trait."""
    await api.ingest(
        {"type": "GROUP", "userId": "ada", "groupId": "acme", "traits": {"account_manager": "Eve"}},
        {"type": "GROUP", "userId": "bob", "groupId": "acme"},
    )
    ids = await api.run(
        """{ profiles { nodes { id identifiers { value } memberships { nodes { account { id } } } } } }"""
    )
    people = {one["identifiers"][0]["value"]: one for one in ids["profiles"]["nodes"]}
    account = people["ada"]["memberships"]["nodes"][0]["account"]["id"]
    await api.mutate(
        "roleAssert",
        "userErrors { message }",
        {"person": people["ada"]["id"], "account": account, "role": "CLIENT"},
    )
    ada, bob = [await slots.choice(user, slot="contact") for user in ("ada", "bob")]
    assert (ada["variant"], ada["content"]) == ("named_contact", {"contact": {"name": "Eve"}})
    assert (ada["outcome"], ada["plugin"]) == ("CHOSEN", "diptych_client_service")
    assert (bob["variant"], bob["content"]) == ("queue", {"queue": "support"})
