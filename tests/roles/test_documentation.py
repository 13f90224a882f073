"""docs/roles.md: its queries are asked, and its tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from cdp.app import Application
from cdp.hooks.core_roles import CORE_ROLES
from tests.mutations.conftest import Api
from tests.roles.conftest import Settle

TEXT = (Path(__file__).parents[2] / "docs" / "roles.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```graphql\n(.*?)```", TEXT, flags=re.DOTALL)


async def test_every_query_of_the_page_has_an_answer(api: Api, settle: Settle) -> None:
    """Asked of somebody whom a CRM calls something."""
    await api.ingest(
        {"type": "GROUP", "userId": "ada", "groupId": "acme"},
        {"type": "IDENTIFY", "userId": "ada", "traits": {"hs_buying_role": "CHAMPION"}},
        {"type": "TRACK", "userId": "ada", "event": "Signed In", "context": {"groupId": "acme"}},
    )
    await settle()
    ada = await api.person("user_id", "ada", "id memberships { nodes { account { id } } }")
    account = next(node["account"]["id"] for node in ada["memberships"]["nodes"] if node["account"])
    explained, state, supposed, points = QUERIES
    answer = await api.run(explained, person=ada["id"], account=account)
    assert [one["role"] for one in answer["roleExplain"]["roles"]] == ["CHAMPION", "END_USER"]
    assert (await api.run(state))["roleResolution"]["backfills"][0]["finishedAt"] is not None
    found = (await api.run(supposed))["roleSimulation"]
    assert [(one["role"], one["lessSure"]) for one in found["roles"]] == [("CHAMPION", 1)]
    assert (await api.run(points))["profiles"]["nodes"] == []


async def test_the_tables_name_every_role_and_who_registers_it(application: Application) -> None:
    """The core's in the first, those of plugins in the second."""
    table = TEXT[: TEXT.index("## Competing claims")]
    for role in CORE_ROLES:
        assert f"| `{role}` |" in table
    for plugin, kind in application.plugins.registered("register_roles"):
        if plugin != "the core":
            (row,) = (line for line in table.splitlines() if line.startswith(f"| [`{plugin}`]"))
            assert f"`{kind.name}`" in row
