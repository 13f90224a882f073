"""The how-to guides: each page's plugin, and its test on a running core."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cdp.kit.core import running
from cdp.kit.databases import Databases
from cdp.settings import read_settings
from cdp.testing import Clock
from tests.kit.steps import steps

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def files(page: Path) -> dict[str, str]:
    """The Python of a page, by the name in its first line."""
    found = {}
    for language, text in steps(page):
        if language == "python":
            first, _, content = text.partition("\n")
            found[first.removeprefix("# ")] = content
    return found


def names_of(page: Path) -> list[str]:
    return [
        node.name
        for name, text in files(page).items()
        if name.startswith("test_")
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


ALL = [(page.stem, test) for page in sorted(PAGES.glob("*.md")) for test in names_of(page)]


def module_of(name: str, file: Path) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__file__ = str(file)
    sys.modules[name] = module  # what is annotated is looked up by the name of its module
    exec(compile(file.read_text(), str(file), "exec"), module.__dict__)
    return module


@pytest.fixture
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[dict[str, Any], Any]]:
    """The plugin of the page by its name, and the module of its test."""
    texts = files(PAGES / f"{request.param}.md")
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    stems = [name.removesuffix(".py") for name in texts if name.endswith(".py") and name != "conftest.py"]
    before = set(sys.modules)
    modules = {stem: module_of(stem, tmp_path / f"{stem}.py") for stem in stems if "/" not in stem}
    ((_, test),) = [one for one in modules.items() if one[0].startswith("test_")]
    yield {name: module for name, module in modules.items() if not name.startswith("test_")}, test
    for name in set(sys.modules) - before:
        if name in modules:
            del sys.modules[name]


def own_fixtures(test: Any) -> dict[str, Callable[..., Any]]:
    return {
        name: one.__wrapped__ if hasattr(one, "__wrapped__") else one._get_wrapped_function()
        for name, one in vars(test).items()
        if type(one).__name__ == "FixtureFunctionDefinition"
    }


@pytest.mark.parametrize(
    ("page", "test"), ALL, ids=[f"{page}-{test}" for page, test in ALL], indirect=["page"]
)
def test_the_page_s_plugin_does_what_its_test_says(
    page: tuple[Mapping[str, object], Any], test: str, cdp_databases: Databases
) -> None:
    plugins, module = page
    fixtures = own_fixtures(module)
    settings = read_settings({}, **fixtures.pop("cdp_settings", dict)())
    started = {name: fixture() for name, fixture in fixtures.items()}
    clock = Clock()
    with (
        cdp_databases.copy() as urls,
        running(urls, plugins=plugins, settings=settings, clock=clock) as core,
    ):
        assert core.left_out.keys().isdisjoint(plugins), core.left_out
        facets = {"core": core, "clock": clock, "ingest": core.ingest, "settle": core.settle}
        facets |= {"query": core.query, "calls": core.calls}
        facets |= {name: next(one) if inspect.isgenerator(one) else one for name, one in started.items()}
        function = getattr(module, test)
        function(**{name: facets[name] for name in inspect.signature(function).parameters})
        for one in started.values():
            if inspect.isgenerator(one):
                next(one, None)


def test_every_page_is_listed_and_has_a_test() -> None:
    listed = re.findall(r"^\| \[[^]]+\]\(([\w-]+)\.md\)", (PAGES / "README.md").read_text(), re.MULTILINE)
    assert sorted([*listed, "README"]) == sorted(page.stem for page in PAGES.glob("*.md"))
    assert {page for page, _ in ALL} == set(listed)
