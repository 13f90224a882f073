"""What would change if a resolver were turned on, off, or set otherwise: counted, shown, and not done."""

from __future__ import annotations

from typing import Any

from cdp.app import Application
from tests.mutations.conftest import Api, Asking, TestClock
from tests.roles.conftest import Settle
from tests.roles.test_resolution import backfills, held, judge, used

SIMULATE = """
query ($suppose: RoleSimulationInput!, $people: Int) { roleSimulation(suppose: $suppose, people: $people) {
  people examined memberships changed failed
  roles { role before after gained lost surer lessSure }
  examples { membership { person { id } account { groupId } } role before after explanation evidence { reason } } } }
"""


async def simulated(api: Api, people: int = 1_000, **suppose: Any) -> dict[str, Any]:
    answer = await api.run(SIMULATE, suppose=suppose, people=people)
    found: dict[str, Any] = answer["roleSimulation"]
    return found


async def test_turning_a_resolver_off_or_on_is_tried_and_nothing_is_written(
    application: Application, api: Api, settle: Settle
) -> None:
    """The counts are what then happens; nothing does before."""
    application.plugins.register(judge(), name="judge")
    await used(api, "ada", "bob")
    await settle()
    off = await simulated(api, plugin="judge", enabled=False)
    assert {name: off[name] for name in ("people", "examined", "memberships", "changed", "failed")} == {
        "people": 2,
        "examined": 2,
        "memberships": 2,
        "changed": 2,
        "failed": 0,
    }
    assert off["roles"] == [
        {"role": "ADVOCATE", "before": 2, "after": 0, "gained": 0, "lost": 2, "surer": 0, "lessSure": 0}
    ]
    example = off["examples"][0]
    assert (example["before"], example["after"], example["evidence"]) == (
        0.5,
        None,
        [{"reason": "looked at it"}],
    )
    assert example["membership"]["person"]["id"] in {
        (await api.person("user_id", one))["id"] for one in ("ada", "bob")
    }
    assert await held(api, "ada") == {"ADVOCATE": 0.5}
    assert len(await backfills(api)) == 1
    await api.mutate("pluginDisable", "userErrors { message }", {"plugin": "judge"})
    on = await simulated(api, plugin="judge", enabled=True)
    assert [(one["role"], one["gained"]) for one in on["roles"]] == [("ADVOCATE", 2)]
    assert (await simulated(api, plugin="judge"))["changed"] == 0


async def test_other_settings_are_tried(application: Application, api: Api, settle: Settle) -> None:
    """Surer, less sure; what somebody said is not changed by any plugin."""
    application.plugins.register(judge(), name="judge")
    await used(api, "ada", "bob")
    await settle()
    bob = (await api.person("user_id", "bob"))["id"]
    await api.mutate("roleAssert", "userErrors { message }", {"person": bob, "role": "ADVOCATE"})
    surer = await simulated(api, plugin="judge", settings={"confidence": 0.8})
    assert (surer["changed"], surer["roles"][0]["surer"]) == (1, 1)
    assert surer["examples"][0]["explanation"] == "judge claims it, with confidence 0.8."
    less = await simulated(api, plugin="judge", settings={"confidence": 0.2})
    assert less["roles"][0]["lessSure"] == 1


async def test_a_sample_is_spread_over_everybody(application: Application, api: Api, settle: Settle) -> None:
    """As many as were wanted, and the answer says of how many."""
    application.plugins.register(judge(), name="judge")
    await used(api, *(f"u{number}" for number in range(6)))
    await settle()
    found = await simulated(api, people=3, plugin="judge", enabled=False)
    assert (found["people"], found["examined"], found["changed"]) == (6, 3, 3)


async def test_what_cannot_be_supposed_says_why(
    application: Application, api: Api, asking: Asking, clock: TestClock
) -> None:
    """An unknown plugin, a setting that it does not have, too many people, too few rights."""
    application.plugins.register(judge(), name="judge")

    async def refused(by: Api, people: int = 10, **suppose: Any) -> tuple[str, str]:
        (error,) = (await by.ask(SIMULATE, suppose=suppose, people=people))["errors"]
        return error["extensions"]["code"], error["message"]

    assert await refused(api, plugin="nobody") == ("BAD_USER_INPUT", "No plugin 'nobody' is loaded.")
    assert "has no setting" in (await refused(api, plugin="judge", settings={"x": 1}))[1]
    assert "does not fit" in (await refused(api, plugin="judge", settings={"confidence": "x"}))[1]
    assert (await refused(api, people=0, plugin="judge"))[0] == "BAD_USER_INPUT"
    assert (await refused(await asking("MARKETING"), plugin="judge"))[0] == "FORBIDDEN"
