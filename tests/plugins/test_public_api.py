"""First-party plugins are plugins like anyone's."""

from __future__ import annotations

import ast
from pathlib import Path

PLUGINS = Path(__file__).parents[2] / "plugins"
PUBLIC = {"cdp", "cdp.hooks", "cdp.model", "cdp.errors"}


def test_plugins_import_only_the_public_api() -> None:
    """Of Diptych nothing but cdp, cdp.hooks, cdp.model and cdp.errors."""
    imported = {
        (str(file.relative_to(PLUGINS)), name)
        for file in PLUGINS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in _modules(node)
        if name.partition(".")[0] == "cdp"
    }
    assert imported
    assert {one for one in imported if one[1] not in PUBLIC} == set()


def _modules(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return [node.module or ""]
        case _:
            return []
