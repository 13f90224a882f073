"""The examples of docs/hooks.md that score, loaded as a plugin of a folder and asked as the worker asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered
from cdp.model import IntentFacts, ScoreContribution, UsageFacts, Workspace, WorkspaceId, WorkspaceSettings
from cdp.roles.scores import Panel, ask, seen_by
from cdp.settings import Settings
from tests.hooks.test_documentation import example
from tests.plugins.people import FIRM, NOW, person, usage

PLACE = (person().profile.profile_id, FIRM.account_id)
WORKSPACE = Workspace(
    workspace_id=WorkspaceId(1),
    name="w",
    version=1,
    epoch=datetime(2026, 1, 1, tzinfo=UTC),
    settings=WorkspaceSettings(),
    entries=(),
    features=(),
)

Load = Callable[[str], Plugins]


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    loaded: list[Plugins] = []

    def load(heading: str) -> Plugins:
        (tmp_path / "example.py").write_text(example(heading), encoding="utf-8")
        loaded.append(Plugins.load(Settings(plugins_dir=tmp_path)))
        return loaded[-1]

    yield load
    for plugins in loaded:
        await plugins.aclose()


async def test_the_example_of_score_intent_works(load: Load) -> None:
    """A large company fits; usage is not shown to it."""
    large = structs.replace(FIRM, traits={"employees": 1_200})
    said = await ask(load("score_intent(membership)"), WORKSPACE, {PLACE: person(account=large)})
    why = "works for a company of 1,200"
    assert said[Panel.INTENT][PLACE]["example"] == Answered(
        (ScoreContribution(name="fit", points=10.0, reason=why, facts={"employees": 1_200}),)
    )
    assert list(said) == [Panel.INTENT]


async def test_the_example_of_score_usage_works(load: Load) -> None:
    """Fresh for two days."""
    said = await ask(load("score_usage(membership)"), WORKSPACE, {PLACE: person(usage=usage(1))})
    assert said[Panel.USAGE][PLACE]["example"] == Answered(
        (ScoreContribution(name="fresh", points=5.0, reason="used it lately", until=NOW + timedelta(days=2)),)
    )


async def test_the_example_of_score_influence_works(load: Load) -> None:
    """Who leads and uses."""
    facts = person(usage=usage(1), traits={"seniority": "c_suite"})
    said = await ask(load("score_influence(membership)"), WORKSPACE, {PLACE: facts})
    assert [one.points for one in said[Panel.INFLUENCE][PLACE]["example"].value] == [20.0]  # type: ignore[union-attr]


def test_each_panel_is_scored_by_itself() -> None:
    """What a plugin says of one panel cannot hang on the other."""
    bought = structs.replace(FIRM, purchase_count=3)
    facts = person(account=bought, intent=IntentFacts(purchase_count=3), usage=usage(4))
    intent, usage_, both = (seen_by(panel, facts) for panel in Panel)
    assert (intent.intent, intent.usage, intent.profile.usage) == (facts.intent, UsageFacts(), UsageFacts())
    assert (usage_.usage, usage_.intent, usage_.profile.intent) == (facts.usage, IntentFacts(), IntentFacts())
    assert usage_.account == FIRM
    assert both is facts
