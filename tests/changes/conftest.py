from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cdp.hooks.manager import Plugins
from cdp.settings import Settings

GUIDE = Path(__file__).parents[2] / "docs" / "hooks.md"

Load = Callable[[str], Plugins]


@pytest.fixture
async def load(tmp_path: Path) -> AsyncIterator[Load]:
    """Loads the example below a heading of the guide, as the guide says: from a folder of plugins."""
    loaded: list[Plugins] = []

    def load(heading: str) -> Plugins:
        found = re.search(
            rf"^### {re.escape(heading)}$.*?```python\n(.*?)```",
            GUIDE.read_text(encoding="utf-8"),
            flags=re.DOTALL | re.MULTILINE,
        )
        assert found is not None, heading
        (tmp_path / "example.py").write_text(found[1], encoding="utf-8")
        plugins = Plugins.load(Settings(plugins_dir=tmp_path))
        loaded.append(plugins)
        assert plugins.left_out() == frozenset()
        return plugins

    yield load
    for plugins in loaded:
        await plugins.aclose()
