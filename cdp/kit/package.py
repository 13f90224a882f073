"""`cdp plugins new`: a package that is a plugin, with a test that passes."""

from __future__ import annotations

import importlib.util
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from cdp.errors import BadInput

_SAMPLE = "sample_plugin"
_HUMP = "".join(part.capitalize() for part in _SAMPLE.split("_"))
_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Theme:
    """What a plugin can begin with."""

    name: str
    says: str
    hooks: tuple[str, ...]


THEMES = (
    Theme(name="roles", says="A role, and who holds it.", hooks=("register_roles", "resolve_roles")),
    Theme(name="enrichment", says="Traits that follow from an e-mail address.", hooks=("enrich_person",)),
    Theme(name="field", says="A typed field of GraphQL.", hooks=("register_fields",)),
    Theme(name="personalisation", says="What to show in a slot.", hooks=("propose_personalisation",)),
    Theme(name="redaction", says="What must never be stored.", hooks=("guard_event",)),
    Theme(name="changes", says="What is done when somebody gets on.", hooks=("on_stage_changed",)),
    Theme(name="route", says="An address of HTTP.", hooks=("register_routes",)),
)

_PROJECT = Template("""\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "A plugin of Diptych."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["diptych>=$version"]

[project.optional-dependencies]
dev = ["diptych[testing]"]

[project.entry-points."cdp.plugins"]
$module = "$module"

[tool.hatch.build.targets.wheel]
packages = ["$module"]

[tool.pytest.ini_options]
testpaths = ["tests"]
""")

_INIT = Template('''\
"""A plugin of Diptych: what is imported here, and marked `@hookimpl`, is called."""

$imports

__all__ = [
$names
]
''')

_CONFTEST = '''\
"""The fixtures of `cdp.testing`: a running core with this plugin, and all others that are installed."""

pytest_plugins = ["cdp.testing"]
'''

_README = Template("""\
# $distribution

A plugin of Diptych.

| module | what it does | hooks |
| --- | --- | --- |
$rows

```sh
pip install -e '.[dev]'       # into the environment that has Diptych
pytest                        # on a PostgreSQL of its own, which comes along
cdp plugins check $module     # whether it keeps to what its hooks promise
cdp serve --reload --data ./data
```

While a server runs with `--reload`, what is saved here is used a second later.
""")


def make(name: str, themes: Sequence[str], into: Path) -> list[Path]:
    """Write the package into a new folder of its name; the answer is what was written, in order.

    Args:
        name: of the distribution; with underscores it is the plugin's, and that of its module.
        themes: names of `THEMES`.
        into: the folder that the new one is made in.

    Raises:
        BadInput: the name cannot be a plugin's, is taken, or there is such a folder.
    """
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(module):
        raise BadInput(
            f"{name!r} cannot be the name of a plugin: write up to {_LONGEST} small letters, digits and single hyphens."
        )
    if _is_taken(module):
        raise BadInput(f"There is a module {module} already; choose another name.")
    folder = into / name
    if folder.exists():
        raise BadInput(f"{folder} is there already; choose another name, or remove it.")
    texts = _texts(name.replace("_", "-"), module, [one for one in THEMES if one.name in themes])
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return [folder / path for path in texts]


def _is_taken(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _texts(distribution: str, module: str, themes: Sequence[Theme]) -> dict[str, str]:
    hooks = sorted(hook for theme in themes for hook in theme.hooks)
    rows = "\n".join(
        f"| `{theme.name}` | {theme.says} | {', '.join(f'`{hook}`' for hook in theme.hooks)} |"
        for theme in themes
    )
    imports = "\n".join(
        f"from {module}.{theme.name} import {', '.join(theme.hooks)}"
        for theme in sorted(themes, key=lambda one: one.name)
    )
    names = "\n".join(f'    "{hook}",' for hook in hooks)
    texts = {
        "pyproject.toml": _PROJECT.substitute(
            distribution=distribution, module=module, version=version("diptych")
        ),
        "README.md": _README.substitute(distribution=distribution, module=module, rows=rows),
        f"{module}/__init__.py": _INIT.substitute(imports=imports, names=names),
    }
    texts |= {f"{module}/{theme.name}.py": _sample(f"{theme.name}.py", module) for theme in themes}
    texts["tests/conftest.py"] = _CONFTEST
    texts |= {f"tests/test_{theme.name}.py": _sample(f"test_{theme.name}.py", module) for theme in themes}
    return texts


def _sample(file: str, module: str) -> str:
    text = (files("cdp.kit") / "samples" / file).read_text(encoding="utf-8")
    hump = "".join(part.capitalize() for part in module.split("_"))
    return (
        text.replace(_SAMPLE, module)
        .replace(_HUMP[0].lower() + _HUMP[1:], hump[0].lower() + hump[1:])
        .replace(_HUMP, hump)
    )
