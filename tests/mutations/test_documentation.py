from __future__ import annotations

import re
from contextlib import aclosing
from pathlib import Path

import pytest

from cdp.graphql.askers import Asker
from cdp.graphql.asking import Asked, Desk
from cdp.graphql.trusted import TrustedDocuments

PAGE = Path(__file__).parents[2] / "docs" / "graphql.md"
EXAMPLES = re.findall(r"^```graphql\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
async def variables(api) -> dict[str, str]:
    """A small workspace that the examples speak of."""
    await api.ingest(
        {"type": "IDENTIFY", "userId": "ada", "traits": {"email": "ada@acme.com", "name": "Ada"}},
        {"type": "IDENTIFY", "userId": "bob", "traits": {"name": "Bob"}},
        {
            "type": "GROUP",
            "userId": "ada",
            "groupId": "acme",
            "traits": {"name": "Acme", "domain": "acme.com"},
        },
        {"type": "TRACK", "userId": "ada", "event": "Pricing Viewed"},
        {"type": "TRACK", "userId": "bob", "event": "Feature Used", "properties": {"feature": "search"}},
    )
    return {
        "person": (await api.person("user_id", "ada"))["id"],
        "other": (await api.person("user_id", "bob"))["id"],
        "account": (await api.run('{ account(domain: "acme.com") { id } }'))["account"]["id"],
    }


async def first_answer(application, key: str, example: str, wanted: dict[str, str]):
    """What a follower is told at once."""
    desk = Desk(application, TrustedDocuments())
    async with aclosing(desk.answers(Asked(query=example, variables=wanted), Asker(key))) as answers:
        answer = await anext(answers)
    assert answer.errors is None, answer.errors
    return answer.data


async def test_every_example_of_the_page_does_what_it_says(api, application, variables):
    """In the order of the page: later examples take up what earlier ones did."""
    assert len(EXAMPLES) >= 20
    for example in EXAMPLES:
        wanted = {name: variables[name] for name in re.findall(r"\$(\w+): ID!", example)}
        if example.startswith("subscription"):
            data = await first_answer(application, api.key, example, wanted)
        else:
            data = await api.run(example, **wanted)
        for payload in data.values():
            assert payload is not None, example
            assert (
                payload.get("userErrors", []) == [] if isinstance(payload, dict) else payload is not None
            ), example
