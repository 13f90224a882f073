"""A whole application, asked over HTTP, with slots and people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.mutations.conftest import Api, api, application, asking, client, clock

__all__ = ["api", "application", "asking", "client", "clock"]

CHOICE = """slot variant outcome content lens reason plugin tracking
  explanation { consent inHoldout candidates { variant plugin eligible standing reason } }"""


@dataclass(slots=True)
class Slotted:
    """What tests do with slots, as an administrator does it."""

    api: Api

    async def define(self, name: str = "banner", **given: Any) -> dict[str, Any]:
        payload = await self.api.mutate(
            "personalisationSlotDefine",
            "slot { name salt holdout fallback goals goalWithin variants { name } } userErrors { code field message }",
            {"name": name, **given},
        )
        assert payload["userErrors"] == []
        slot: dict[str, Any] = payload["slot"]
        return slot

    async def variant(self, name: str, slot: str = "banner", **given: Any) -> dict[str, Any]:
        payload = await self.api.mutate(
            "personalisationVariantSet",
            "slot { variants { name audience lens priority weight cap { times within } } } "
            "userErrors { code field message }",
            {"slot": slot, "name": name, "content": {"is": name}, **given},
        )
        assert payload["userErrors"] == []
        found: dict[str, Any] = next(one for one in payload["slot"]["variants"] if one["name"] == name)
        return found

    async def choice(self, user: str, slot: str = "banner", *, by: Api | None = None) -> Any:
        document = f"""query ($of: IdentifierInput!, $slot: String!) {{
          profile(identifier: $of) {{ personalisation(slot: $slot) {{ {CHOICE} }} }} }}"""
        given = {"of": {"kind": "user_id", "value": user}, "slot": slot}
        found = (await (by or self.api).run(document, **given))["profile"]
        return found["personalisation"]

    async def standings(self, user: str, *, by: Api | None = None) -> dict[str, str]:
        choice = await self.choice(user, by=by)
        return {one["variant"]: one["standing"] for one in choice["explanation"]["candidates"]}

    async def track(self, user: str, choice: dict[str, Any], **given: Any) -> None:
        """What a frontend does with `tracking`."""
        await self.api.ingest({"type": "TRACK", "userId": user, **choice["tracking"], **given})


@pytest.fixture
def slots(api: Api) -> Slotted:
    return Slotted(api)
