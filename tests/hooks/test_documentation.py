"""docs/hooks.md says what the specs say, and its examples work."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pluggy
import pytest

from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered
from cdp.hooks.specs import PROJECT, Hooks, hook_names
from cdp.model import (
    Candidate,
    Cap,
    EnrichedTrait,
    EnrichmentRequest,
    Evidence,
    Identifier,
    IntentFacts,
    Lens,
    MembershipFacts,
    PersonalisationRequest,
    PluginState,
    ProfileFacts,
    ProfileId,
    RoleContribution,
    Stage,
    UsageFacts,
    UsagePhase,
)
from cdp.settings import Settings

TEXT = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)

Load = Callable[[str], Plugins]


def specs() -> dict[str, pluggy._hooks.HookSpec]:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Hooks)
    callers = {name: getattr(manager.hook, name) for name in hook_names()}
    return {name: caller.spec for name, caller in callers.items() if isinstance(caller, pluggy.HookCaller)}


def sections() -> dict[str, str]:
    """Heading → what stands below it."""
    parts = re.split(r"^#{2,3} (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def example(heading: str) -> str:
    found = re.search(r"```python\n(.*?)```", sections()[heading], flags=re.DOTALL)
    assert found is not None
    return found[1]


def membership(**changes: object) -> MembershipFacts:
    intent, usage = IntentFacts(), UsageFacts()
    profile = ProfileFacts(
        profile_id=ProfileId(1),
        display_name=None,
        identifiers=(),
        traits={},
        intent=intent,
        usage=usage,
        as_of=NOW,
    )
    values = {"profile": profile, "account": None, "own": True, "intent": intent, "usage": usage} | changes
    return MembershipFacts(**values, since=None, until=None, as_of=NOW)


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    """Loads an example as the documentation says: from a folder of plugins."""
    loaded: list[Plugins] = []

    def load(heading: str) -> Plugins:
        (tmp_path / "example.py").write_text(example(heading), encoding="utf-8")
        plugins = Plugins.load(Settings(plugins_dir=tmp_path))
        loaded.append(plugins)
        assert plugins.left_out() == frozenset()
        return plugins

    yield load
    for plugins in loaded:
        await plugins.aclose()


def test_every_hook_has_a_heading_that_is_its_signature() -> None:
    """No hook is missing, none is invented, and every argument is named."""
    signatures = {f"{name}({', '.join(spec.argnames)})" for name, spec in specs().items()}
    documented = {heading for heading in sections() if re.fullmatch(r"[a-z_]+\(.*\)", heading)}
    assert documented == signatures


def test_every_hook_says_when_it_is_called_by_which_rule_what_happens_on_failure_and_since_when() -> None:
    """In the docstring, where the author of a plugin looks first."""
    for name, spec in specs().items():
        text = " ".join((spec.function.__doc__ or "").split())
        for needed in ("Called ", "Rule: ", "fail", "Since "):
            assert needed in text, f"{name} lacks {needed!r}"


async def test_the_example_of_every_hook_loads_and_implements_it(load: Load) -> None:
    """Whatever it does: `test_the_example_of_every_hook_is_run` says that somebody looks at that."""
    for heading in sections():
        if not re.fullmatch(r"[a-z_]+\(.*\)", heading):
            continue
        (health,) = (one for one in load(heading).health() if one.name == "example")
        assert heading.partition("(")[0] in {hook.hook for hook in health.hooks}, heading


def test_the_example_of_every_hook_is_run() -> None:
    """Some test takes it from the page: by its heading, by its name, or by what it registers."""
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parents[1].rglob("test_*.py"))
    quoted = set(re.findall(r"\"([a-z_]+)(?:\([a-z_, ]*\))?\"", tests))
    assert {name for name in specs() if not {name, name.removeprefix("register_")} & quoted} == set()


async def test_every_hook_has_a_first_party_plugin_that_uses_it() -> None:
    """No hook is there for its own sake."""
    plugins = Plugins.load(Settings())
    used = {hook.hook for plugin in plugins.health() for hook in plugin.hooks}
    await plugins.aclose()
    assert plugins.left_out() == frozenset()
    assert set(specs()) - used == set()


async def test_the_example_of_register_plugin_works(load: Load) -> None:
    """It computes elsewhere."""
    plugins = load("register_plugin()")
    advocate = membership(usage=UsageFacts(measures={"REVIEW_WRITTEN": 1, "REFERRED": 1}))
    (answer,) = await plugins.resolve_roles([advocate])
    why = Evidence(reason="scores 0.7 of 1 as an advocate", facts={"score": 0.7})
    assert answer["example"] == Answered(
        (RoleContribution(role="ADVOCATE", confidence=0.7, evidence=(why,)),)
    )
    (health,) = (one for one in plugins.health() if one.name == "example")
    assert (health.info.run, health.info.summary) == ("process", "Finds advocates by a model.")


async def test_the_example_of_register_settings_works(load: Load) -> None:
    """Three tickets by default; another number where a workspace has set it; the key is never shown."""
    plugins = load("register_settings()")
    (answer,) = await plugins.resolve_roles([membership(usage=UsageFacts(measures={"TICKET_OPENED": 2}))])
    assert answer["example"] == Answered(())
    schema = plugins.settings.schema("example")
    assert schema is not None
    assert schema["properties"]["tickets"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 3}
    settings, secrets = plugins.settings.changed("example", PluginState(), {"tickets": 2, "api_key": "k"})
    assert (settings, secrets) == ({"tickets": 2}, {"api_key": "k"})


async def test_the_first_plugin_works(load: Load) -> None:
    """A night owl is one, an early bird is not."""
    plugins = load("Your first plugin in five minutes")
    owl = membership(usage=UsageFacts(last_used_at=NOW))
    bird = membership(usage=UsageFacts(last_used_at=NOW.replace(hour=9)))
    answers = await plugins.resolve_roles([owl, bird])
    claimed = RoleContribution(
        role="NIGHT_OWL", confidence=0.6, evidence=(Evidence(reason="last used the product at 23:30 UTC"),)
    )
    assert [answer["example"] for answer in answers] == [Answered((claimed,)), Answered(())]


async def test_the_example_of_register_identifier_kinds_works(load: Load) -> None:
    """One way to write it, and no identifier from anything else."""
    known = load("register_identifier_kinds()").registered("register_identifier_kinds")
    kinds = [kind for plugin, kind in known if plugin == "example"]
    assert [(kind.name, kind.normalise("contact-7", "US"), kind.normalise("x", "US")) for kind in kinds] == [
        ("hubspot_contact_id", "7", None)
    ]


async def test_the_example_of_register_roles_works(load: Load) -> None:
    """The role is known."""
    assert load("register_roles()").roles()["COACH"].buying


async def test_the_example_of_resolve_roles_works(load: Load) -> None:
    """Who opens tickets is a user."""
    plugins = load("resolve_roles(membership)")
    (answer,) = await plugins.resolve_roles([membership(usage=UsageFacts(measures={"TICKET_OPENED": 3}))])
    why = Evidence(reason="opened 3 support tickets", facts={"tickets": 3})
    assert answer["example"] == Answered(
        (RoleContribution(role="END_USER", confidence=0.7, evidence=(why,)),)
    )


async def test_the_example_of_enrich_person_works(load: Load) -> None:
    """It is about the address that it follows from."""
    plugins = load("enrich_person(request)")
    address = Identifier("email", "ada@ethz.ch")
    request = EnrichmentRequest(
        profile_id=ProfileId(1), identifiers=(address,), traits={}, default_country="CH", as_of=NOW
    )
    (answer,) = await plugins.enrich_person([request], wanted=lambda plugin, index: plugin == "example")
    assert answer == {
        "example": Answered(
            (EnrichedTrait(key="university", value="ETH Zürich", about=address, confidence=0.9),)
        )
    }


async def test_the_example_of_propose_personalisation_works(load: Load) -> None:
    """Who is away is proposed something, in that slot."""
    plugins = load("propose_personalisation(request)")
    requests = [
        PersonalisationRequest(
            slot=slot, membership=membership(usage=UsageFacts(phase=phase)), roles=(), features=()
        )
        for slot, phase in (
            ("sidebar", UsagePhase.DORMANT),
            ("sidebar", UsagePhase.HABITUAL),
            ("footer", UsagePhase.DORMANT),
        )
    ]
    candidate = Candidate(
        variant="welcome_back",
        content={"headline": "We have kept your place"},
        lens=Lens.USAGE,
        reason="Has not used the product for a while.",
        priority=5,
        cap=Cap(times=3),
    )
    answers = await plugins.propose_personalisation(requests)
    assert [answer["example"] for answer in answers] == [Answered((candidate,)), Answered(()), Answered(())]


async def test_the_example_of_choose_personalisation_works(load: Load) -> None:
    """Its own slot and stage, nothing else."""
    plugins = load("choose_personalisation(request)")
    renewing = membership(intent=IntentFacts(stage=Stage.RENEWAL))
    requests = [
        PersonalisationRequest(slot=slot, membership=facts, roles=(), features=())
        for slot, facts in (("sidebar", renewing), ("sidebar", membership()), ("footer", renewing))
    ]
    candidate = Candidate(
        variant="renewal_call",
        content={"headline": "Shall we talk about your renewal?"},
        lens=Lens.INTENT,
        reason="Is at the stage RENEWAL.",
    )
    assert await plugins.choose_personalisation(requests) == [("example", candidate), None, None]
