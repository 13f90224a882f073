"""What plugins are told by pages is a page's word too, and their routes are no visitor's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cdp.app import Application
from cdp.hooks import hookimpl
from cdp.hooks.manager import Plugins
from cdp.model import EventType, KeyAuth, NewEvent, PublicAuth, Route, RouteAnswer
from cdp.model.ids import encode_id
from cdp.settings import Settings
from tests.access.visitors.conftest import Clock, Site, identify


class Telling:
    """A plugin that believes whoever asks it."""

    told = 0

    @hookimpl
    def register_routes(self) -> list[Route]:
        """For pages, for everybody, and for whoever has a key."""
        return [
            Route(
                method="POST",
                path="news",
                auth=KeyAuth(scopes=frozenset()),
                ingests=True,
                handle=self.tell,
                description=".",
            ),
            Route(
                method="POST", path="open", auth=PublicAuth(), ingests=True, handle=self.tell, description="."
            ),
            Route(
                method="POST",
                path="any",
                auth=KeyAuth(scopes=frozenset()),
                handle=self.answer,
                description=".",
            ),
        ]

    async def tell(self) -> RouteAnswer:
        self.told += 1
        said = {"user_id": "eve", "traits": {"email": "ann@acme.com"}}
        return RouteAnswer(
            events=(NewEvent(type=EventType.IDENTIFY, message_id=f"m{self.told}", **said),)  # type: ignore[arg-type]
        )

    async def answer(self) -> RouteAnswer:
        return RouteAnswer()


@pytest.fixture
async def application(database_url: str, clock: Clock) -> AsyncIterator[Application]:
    plugins = Plugins()
    plugins.register(Telling(), name="telling")
    assert plugins.left_out() == frozenset()
    settings = Settings(database_url=database_url, pool_size=4, flush_delay_ms=0.1)
    async with Application.open(settings, clock=clock, plugins=plugins) as application:
        yield application


async def test_what_a_page_tells_a_plugin_joins_no_two_known_people(site: Site) -> None:
    await site.server(identify(userId="eve"), identify(anonymousId="s1", traits={"email": "ann@acme.com"}))
    workspace = encode_id("Workspace", site.workspace_id)
    for path, key in (("news", site.keys["INGEST"]), (f"{workspace}/open", None)):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = await site.client.post(f"/plugins/telling/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
    assert len(await site.people()) == 2
    headers = {"Authorization": f"Bearer {site.keys['PARTNER']}"}
    assert (await site.client.post("/plugins/telling/news", headers=headers)).status_code == 200
    assert len(await site.people()) == 1


async def test_a_visitor_s_token_opens_no_route_of_a_plugin(site: Site) -> None:
    for token, status in ((site.keys["PARTNER"], 200), (site.token("ann"), 403)):
        answer = await site.client.post("/plugins/telling/any", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, answer.text
