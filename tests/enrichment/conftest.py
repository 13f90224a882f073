"""A whole application that may reach this machine, with providers that are real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import stamina

from cdp.app import Application
from cdp.settings import Settings
from tests.enrichment.bureau import Bureau, Reply, serving
from tests.mutations.conftest import Api, TestClock, api, asking, client, clock

__all__ = ["api", "asking", "client", "clock"]

BUDGETS = "budgets { currency perDay perSubject spentToday }"
SETTINGS = f"settings {{ confidence fields {BUDGETS} }} userErrors {{ field message }}"


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Attempts without the waits between them."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
async def application(database_url: str, clock: TestClock) -> AsyncIterator[Application]:
    settings = Settings(
        database_url=database_url, pool_size=6, flush_delay_ms=0.1, outbound_allow="127.0.0.0/8"
    )
    async with Application.open(settings, clock=clock) as application:
        yield application


@dataclass
class World:
    """A workspace whose providers the test holds in its hand."""

    api: Api
    application: Application
    stack: AsyncExitStack

    async def open(self, answer: Any) -> Bureau:
        """A bureau that answers as the test says."""
        return await self.stack.enter_async_context(serving(answer))

    async def provide(self, *endpoints: dict[str, Any], token: str = "s3cret") -> None:
        """Have these endpoints asked."""
        settings = {"endpoints": list(endpoints), "token": token}
        payload = await self.api.mutate(
            "pluginConfigure",
            "userErrors { field message }",
            {"plugin": "diptych_http_enricher", "settings": settings},
        )
        assert payload["userErrors"] == []

    async def allow(self, per_day: str | None = None, per_subject: str | None = None, **more: Any) -> Any:
        """Say what may be spent."""
        budgets = (
            [] if per_day is None else [{"currency": "EUR", "perDay": per_day, "perSubject": per_subject}]
        )
        payload = await self.api.mutate("enrichmentSettingsUpdate", SETTINGS, {"budgets": budgets, **more})
        assert payload["userErrors"] == []
        return payload["settings"]

    async def meet(self, *names: str, **traits: Any) -> None:
        """Hear of people by e-mail, and have them settled and enriched."""
        await self.api.ingest(
            *(
                {"type": "IDENTIFY", "userId": name, "traits": {"email": f"{name}@gmail.com", **traits}}
                for name in names
            )
        )
        await self.settle()

    async def settle(self) -> None:
        while await self.application.worker.settle_once():
            pass

    async def traits(self, name: str, selection: str = "key value provider") -> list[Any]:
        """What the bureaus have told about somebody, as rows."""
        of = await self.api.person("user_id", name, f"enrichment {{ {selection} }}")
        rows = [tuple(one.values()) for one in of["enrichment"]]
        return [row for row in rows if row[0] != "email_type"]

    async def report(self) -> dict[str, dict[str, Any]]:
        rows = "provider calls hits misses failures cached hitRate spent currency"
        document = f'{{ enrichmentReport(since: "2020-01-01", until: "2100-01-01") {{ {rows} }} }}'
        found = (await self.api.run(document))["enrichmentReport"]
        for row in found:
            row["spent"] = Decimal(row["spent"])
        return {row.pop("provider"): row for row in found}

    async def spent_today(self) -> Decimal:
        found = await self.api.run("{ enrichmentSettings { budgets { spentToday } } }")
        (budget,) = found["enrichmentSettings"]["budgets"]
        return Decimal(budget["spentToday"])


@pytest.fixture
async def world(api: Api, application: Application) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(api, application, stack)


def endpoint(bureau: Bureau | str, name: str = "people", **changes: Any) -> dict[str, Any]:
    """How a bureau is asked about people."""
    url = bureau if isinstance(bureau, str) else bureau.url
    return {
        "name": name,
        "url": f"{url}/v1?of={{email}}",
        "headers": {"Authorization": "Bearer {token}"},
        "fields": {"job_title": "/title"},
        "cost": "0.10",
        "currency": "EUR",
        **changes,
    }


__all__ += ["Bureau", "Reply", "World", "endpoint"]
