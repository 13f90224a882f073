"""docs/enrichment.md and the enrichment hooks of docs/hooks.md: their examples do what they say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Answered
from cdp.model import (
    AccountEnrichmentRequest,
    AccountId,
    AccountKind,
    EnrichedTrait,
    Provider,
    Unanswered,
    Workspace,
    WorkspaceId,
)
from cdp.outbound import Outbound, read_networks
from cdp.settings import Settings
from cdp.workspaces import store
from tests.enrichment.bureau import Bureau, Reply
from tests.enrichment.conftest import World
from tests.mutations.conftest import NOW

DOCS = Path(__file__).parents[2] / "docs"
PERSON = {"title": "CTO", "level": "C"}


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


async def test_the_documents_of_the_guide_work_one_after_the_other(world: World) -> None:
    """Configure, budget, read, estimate, follow, report."""
    bureau = await world.open(lambda _bureau, _who: (200, {"person": PERSON}, {}))
    configure, allow, read, estimate, follow, report = blocks("enrichment.md", "graphql")
    configured = await world.api.run(configure.replace("https://people.example", bureau.url))
    assert configured["pluginConfigure"]["userErrors"] == []
    assert configured["pluginConfigure"]["plugin"]["settings"]["token"] == {"set": True}
    allowed = (await world.api.run(allow))["enrichmentSettingsUpdate"]
    assert allowed["settings"]["budgets"] == [
        {"currency": "EUR", "perDay": "20", "perSubject": "0.5", "spentToday": "0"}
    ]
    await world.meet("ada", plan="gold")
    found = (await world.api.run(read, email="ada@gmail.com"))["profile"]["enrichment"]
    rows = [(one["key"], one["value"], one["provider"], one["cost"], one["counts"]) for one in found]
    assert rows == [
        ("email_type", "free", "email_domain", "0", True),
        ("job_title", "CTO", "http_people.people", "0.025", True),
        ("seniority", "C", "http_people.people", "0.025", True),
    ]
    estimated = (await world.api.run(estimate))["enrichmentBackfillStart"]
    assert estimated["userErrors"] == []
    assert estimated["estimate"]["subjects"] == 1
    assert (await world.api.run(follow))["enrichmentBackfills"] == []
    reported = await world.api.run(report)
    spent = {row["provider"]: Decimal(row["spent"]) for row in (await _all(world, report))}
    assert spent["http_people.people"] == Decimal("0.05")
    assert {one["name"] for one in reported["enrichmentProviders"]} == {
        "account_domain",
        "email_domain",
        "http_people.people",
        "phone_number",
    }


async def _all(world: World, report: str) -> list[dict[str, str]]:
    """The report, whatever day the database's clock says."""
    until = report.replace('since: "2026-01-01"', 'since: "2020-01-01", until: "2100-01-01"')
    rows: list[dict[str, str]] = (await world.api.run(until))["enrichmentReport"]
    return rows


def test_every_setting_of_an_endpoint_is_in_the_guide() -> None:
    """None is missing, so that nobody needs to read the code."""
    from diptych_http_enricher import Endpoint

    text = (DOCS / "enrichment.md").read_text(encoding="utf-8")
    for name in Endpoint.__struct_fields__:
        assert f"`{name}`" in text or f"      {name}:" in text, name


Load = Callable[..., Plugins]


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    """Loads the example below a heading of docs/hooks.md, with some text replaced."""
    loaded: list[Plugins] = []
    text = (DOCS / "hooks.md").read_text(encoding="utf-8")

    def load(heading: str, *replaced: str) -> Plugins:
        below = text.split(f"### {heading}\n")[1]
        found = re.search(r"```python\n(.*?)```", below, re.DOTALL)
        assert found is not None
        (tmp_path / "example.py").write_text(found[1].replace(*replaced) if replaced else found[1])
        plugins = Plugins.load(Settings(plugins_dir=tmp_path))
        loaded.append(plugins)
        assert plugins.left_out() == frozenset()
        return plugins

    yield load
    for plugins in loaded:
        await plugins.aclose()


async def test_the_example_of_register_providers_works(load: Load) -> None:
    """It is there, with its price."""
    plugins = load("register_providers()")
    found: dict[str, Provider] = {
        one.name: one for plugin, one in plugins.registered("register_providers") if plugin == "example"
    }
    assert (found["job_titles"].cost, found["job_titles"].fields) == (
        Decimal("0.05"),
        ("job_title", "seniority"),
    )


async def test_the_example_of_enrich_account_works(load: Load, world: World, workspace: WorkspaceId) -> None:
    """It knows, does not know, or wants to be left alone, as the server says."""

    def answer(_bureau: Bureau, who: str) -> Reply:
        return {
            "acme.com": (200, {"employees": 50}, {}),
            "globex.com": (404, {}, {}),
            "initech.com": (429, {}, {"Retry-After": "7"}),
        }[who]

    bureau = await world.open(answer)
    plugins = load("enrich_account(request)", "https://companies.example", bureau.url)
    http = Outbound(allowed=read_networks("127.0.0.0/8"))
    plugins.offers.register("http", lambda _plugin, _workspace_id: http)
    async with world.application.database.connection(workspace) as connection:
        current: Workspace = await store.load(connection, workspace)
    requests = [
        AccountEnrichmentRequest(
            account_id=AccountId(1),
            kind=AccountKind.ORGANISATION,
            name=None,
            domain=domain,
            group_id=None,
            traits={},
            default_country="US",
            as_of=NOW,
        )
        for domain in ("acme.com", "globex.com", "initech.com", None)
    ]
    answers = await plugins.enrich_account(
        requests, wanted=lambda plugin, _index: plugin == "example", workspace=current
    )
    assert [one["example"] for one in answers] == [
        Answered((EnrichedTrait(key="employees", value=50, confidence=0.8),)),
        Answered(()),
        Answered(Unanswered(reason="HTTP status 429", retry_after=timedelta(seconds=7))),
        Answered(()),
    ]
