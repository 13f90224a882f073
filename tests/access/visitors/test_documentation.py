"""The guide's examples, run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.access.visitors.conftest import NOW, Site, track

GUIDE = (Path(__file__).parents[3] / "docs" / "visitors.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


async def test_what_the_guide_signs_reads_what_the_guide_asks(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.server(track("Feature Used", userId="ann", properties={"feature": "reports"}))
    (signing,) = blocks("python")
    query, mutation = blocks("graphql")
    monkeypatch.setattr("time.time", NOW.timestamp)
    module: dict[str, Any] = {"KEY": site.secret.secret, "KID": site.secret.kid}
    exec(signing, module)
    for token in (module["visitor_token"]("ann"), module["visitor_token"]("ann", "ann@acme.com")):
        own = await site.visitor(token, query)
        assert own["personalisations"] == [None, None]
        assert [one["count"] for one in own["usage"]["features"]] == [1]
    assert (await site.admin(mutation))["workspaceSettingsUpdate"] == {"userErrors": []}
    answer = await site.page(track("Feature Used", userId="ann"))
    assert [one["code"] for one in answer["refused"]] == ["UNPROVEN"]


async def test_the_query_in_the_page_is_one(site: Site) -> None:
    page = blocks("js")[0]
    (query,) = re.findall(r"query: '(.*?)'", page)
    assert await site.visitor(site.token("ann"), query) is None
