"""docs/personalisation.md: every document is asked in its order, and answered as it says there."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.mutations.conftest import Api, TestClock

PAGE = (Path(__file__).parents[2] / "docs" / "personalisation.md").read_text(encoding="utf-8")


async def test_every_example_of_the_page_does_what_it_says(api: Api, clock: TestClock) -> None:
    """Each document stands before its answer."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE, flags=re.DOTALL)
    assert [language for language, _ in blocks] == ["graphql", "json"] * (len(blocks) // 2)
    assert len(blocks) >= 14
    for (_, document), (_, answer) in zip(blocks[::2], blocks[1::2], strict=True):
        assert await api.run(document) == json.loads(answer), document
        clock.advance(seconds=1)
