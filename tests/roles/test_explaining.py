"""roleExplain: every claim, what was combined how, what won, and what there was before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cdp.app import Application
from cdp.hooks import hookimpl
from cdp.model import Evidence, MembershipFacts, RoleContribution
from cdp.roles.combine import together
from tests.mutations.conftest import Api, Asking, TestClock
from tests.roles.conftest import Settle

CLAIMS: dict[str, float] = {}


@pytest.fixture(autouse=True)
def claimed() -> dict[str, float]:
    """What the plugin `judge` claims of everybody: role → confidence."""
    CLAIMS.clear()
    return CLAIMS


def judge(reason: str = "looked at it") -> SimpleNamespace:
    def resolve_roles(membership: MembershipFacts) -> list[RoleContribution]:
        return [
            RoleContribution(role=role, confidence=sure, evidence=(Evidence(reason=reason),))
            for role, sure in CLAIMS.items()
        ]

    return SimpleNamespace(resolve_roles=hookimpl(resolve_roles))


@pytest.fixture
async def ada(application: Application, api: Api, settle: Settle) -> str:
    """Somebody who used the product once, and of whom two plugins speak."""
    application.plugins.register(judge(), name="judge")
    CLAIMS["END_USER"] = 0.5
    used = {"type": "TRACK", "userId": "ada", "event": "Signed In"}
    await api.ingest({**used, "timestamp": "2026-03-01T11:00:00Z"})
    await settle()
    return str((await api.person("user_id", "ada"))["id"])


EXPLAIN = """
query ($person: ID!, $asOf: DateTime) { roleExplain(person: $person, asOf: $asOf) {
  membership { person { id } heldRoles { role confidence asserted sources } }
  roles { role held confidence decision explanation buying description
          claims { source part against confidence since until evidence { reason }
                   revisions { confidence evidence { reason } } } } } }
"""


async def explained(api: Api, person: str, **variables: Any) -> dict[str, Any]:
    answer = await api.run(EXPLAIN, person=person, **variables)
    found = answer["roleExplain"]
    assert found["membership"]["person"]["id"] == person
    if not variables:
        # What lists show is reckoned in SQL.
        held = {one["role"]: one["confidence"] for one in found["roles"] if one["held"]}
        assert {one["role"]: one["confidence"] for one in found["membership"]["heldRoles"]} == held
    return {one["role"]: one for one in found["roles"]} | {"": found["membership"]}


async def test_every_claim_is_told_and_what_came_of_it(api: Api, ada: str) -> None:
    """Two plugins: the surer leads, the other adds; the membership shows the same in one line."""
    found = await explained(api, ada)
    role = found["END_USER"]
    assert (role["held"], role["confidence"], role["decision"]) == (True, 0.8, "COMBINED")
    assert role["explanation"] == (
        "diptych_roles, judge claim it: 1 − (1 − 0.6) · (1 − 0.5) = 0.8; diptych_roles leads."
    )
    assert [(one["source"], one["part"]) for one in role["claims"]] == [
        ("diptych_roles", "DECIDES"),
        ("judge", "ADDS"),
    ]
    assert role["claims"][1]["evidence"] == [{"reason": "looked at it"}]
    assert found[""]["heldRoles"] == [
        {"role": "END_USER", "confidence": 0.8, "asserted": False, "sources": ["diptych_roles", "judge"]}
    ]


async def test_a_persons_word_wins_and_can_be_taken_back(
    api: Api, ada: str, clock: TestClock, settle: Settle
) -> None:
    """Against what plugins claim, then for it; each says the contrary of the other, and history stays."""
    selection = "membership { heldRoles { role confidence asserted } } userErrors { message }"
    clock.advance(hours=1)
    denied = await api.mutate(
        "roleAssert", selection, {"person": ada, "role": "END_USER", "holds": False, "note": "a robot"}
    )
    assert denied == {"membership": {"heldRoles": []}, "userErrors": []}
    await settle()
    role = (await explained(api, ada))["END_USER"]
    assert (role["held"], role["decision"]) == (False, "DENIED")
    assert [(one["source"], one["part"], one["against"]) for one in role["claims"]] == [
        ("human:admin", "DECIDES", True),
        ("diptych_roles", "OUTRANKED", False),
        ("judge", "OUTRANKED", False),
    ]
    assert role["claims"][0]["evidence"] == [{"reason": "admin says it is not so: a robot"}]
    clock.advance(hours=1)
    said = await api.mutate("roleAssert", selection, {"person": ada, "role": "END_USER"})
    assert said["membership"]["heldRoles"] == [{"role": "END_USER", "confidence": 1.0, "asserted": True}]
    assert (await explained(api, ada))["END_USER"]["decision"] == "ASSERTED"
    clock.advance(hours=1)
    taken_back = await api.mutate("roleRetract", selection, {"person": ada, "role": "END_USER"})
    assert taken_back["membership"]["heldRoles"] == [
        {"role": "END_USER", "confidence": 0.8, "asserted": False}
    ]
    again = await api.mutate("roleRetract", selection, {"person": ada, "role": "END_USER"})
    assert "nothing to end" in again["userErrors"][0]["message"]


async def test_history_is_kept_and_a_past_moment_can_be_explained(
    api: Api, ada: str, clock: TestClock, settle: Settle
) -> None:
    """A claim that was revised shows how it read; one that ended is told as ended, and counted when it held."""
    before = clock().isoformat()
    clock.advance(hours=1)
    CLAIMS["END_USER"] = 0.9
    await api.ingest({"type": "TRACK", "userId": "ada", "event": "Heard Of"})
    await settle()
    claim = (await explained(api, ada))["END_USER"]["claims"][0]
    assert (claim["source"], claim["confidence"]) == ("judge", 0.9)
    assert claim["revisions"] == [{"confidence": 0.5, "evidence": [{"reason": "looked at it"}]}]
    clock.advance(hours=1)
    del CLAIMS["END_USER"]
    CLAIMS["ADVOCATE"] = 0.4
    await api.ingest({"type": "TRACK", "userId": "ada", "event": "Heard Of Again"})
    await settle()
    now = await explained(api, ada)
    assert [(one["source"], one["part"]) for one in now["END_USER"]["claims"]] == [
        ("diptych_roles", "DECIDES"),
        ("judge", "ENDED"),
    ]
    assert now["ADVOCATE"]["confidence"] == 0.4
    then = await explained(api, ada, asOf=before)
    assert [one["part"] for one in then["END_USER"]["claims"]] == ["DECIDES", "ADDS"]
    assert then["ADVOCATE"]["claims"][0]["part"] == "PENDING"


@pytest.mark.parametrize("sure", [(0.05, 0.1), (0.333, 0.777), (0.99, 0.99), (1.0, 0.2)])
async def test_lists_reckon_as_explanations_do(
    application: Application, api: Api, settle: Settle, sure: tuple[float, float]
) -> None:
    """Whatever two plugins say, also for certain."""
    application.plugins.register(judge(), name="judge")
    sworn = SimpleNamespace(
        resolve_roles=hookimpl(
            lambda: [
                RoleContribution(role="CLIENT", confidence=sure[1], evidence=(Evidence(reason="swears"),))
            ]
        )
    )
    application.plugins.register(sworn, name="witness")
    CLAIMS["CLIENT"] = sure[0]
    await api.ingest({"type": "TRACK", "userId": "ada", "event": "Heard Of"})
    await settle()
    found = await explained(api, (await api.person("user_id", "ada"))["id"])
    assert found["CLIENT"]["confidence"] == together(sure)


async def test_what_plugins_claim_takes_both_panels_and_names_of_roles_do_not(
    asking: Asking, api: Api, ada: str
) -> None:
    """Sales sees who holds which role and what people said, neither why nor how surely."""
    sales = await asking("SALES")
    (role,) = (await sales.ask(EXPLAIN, person=ada))["data"]["roleExplain"]["roles"]
    assert (role["role"], role["held"], role["confidence"]) == ("END_USER", True, None)
    assert (role["explanation"], role["claims"]) == ("Plugins claim it.", [])
    await api.mutate(
        "roleAssert", "userErrors { message }", {"person": ada, "role": "END_USER", "holds": False}
    )
    answer = await sales.ask(EXPLAIN, person=ada)
    (role,) = answer["data"]["roleExplain"]["roles"]
    assert (role["held"], role["explanation"]) == (False, "admin says that it is not held.")
    assert [(one["source"], one["part"], one["evidence"]) for one in role["claims"]] == [
        ("human:admin", "DECIDES", None)
    ]
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"FORBIDDEN"}


async def test_somebody_elses_people_are_not_explained(
    asking: Asking, ada: str, other_workspace: Any
) -> None:
    """They do not exist there."""
    stranger = await asking("ADMIN", of=other_workspace)
    answer = await stranger.ask(EXPLAIN, person=ada)
    assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
