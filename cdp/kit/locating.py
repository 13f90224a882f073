"""Finding the plugin that somebody means: by its name, or by where its files are."""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from cdp.errors import BadInput
from cdp.hooks.loading import ENTRY_POINT_GROUP, Found, at, first_party, installed


def locate(wanted: str) -> Found:
    """An installed plugin, a module, a package, or the folder of a project that has one.

    Raises:
        BadInput: there is none of that name, or none in that place.
    """
    by_name = {one.name: one for one in installed()}
    if wanted in by_name:
        return by_name[wanted]
    path = Path(wanted)
    if path.exists():
        return _in_place(path.resolve())
    near = difflib.get_close_matches(wanted, by_name, n=1)
    means = f"did you mean {near[0]}?" if near else f"installed are {', '.join(by_name)}."
    raise BadInput(f"There is no plugin {wanted!r}, and no such file: {means}")


def own() -> list[Found]:
    """The installed plugins that do not come with Diptych."""
    ours = {one.name for one in first_party()}
    return [one for one in installed() if one.name not in ours]


def others(than: Found) -> Iterable[Found]:
    """The plugins that come with Diptych, without this one."""
    return [one for one in first_party() if one.name != than.name]


def _in_place(path: Path) -> Found:
    if (project := path / "pyproject.toml").is_file():
        return _of_project(path, project)
    if path.is_file() and path.suffix == ".py":
        return at(("file", str(path)), path.stem)
    if (path / "__init__.py").is_file():
        return at(("file", str(path / "__init__.py")), path.name)
    raise BadInput(f"{path} is no module, no package, and no project with a pyproject.toml.")


def _of_project(folder: Path, project: Path) -> Found:
    try:
        points = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"][
            ENTRY_POINT_GROUP
        ]
        ((name, module),) = points.items()
    except (tomllib.TOMLDecodeError, KeyError, ValueError, AttributeError):
        raise BadInput(
            f'{project} does not name one plugin below [project.entry-points."{ENTRY_POINT_GROUP}"].'
        ) from None
    # Its modules import each other by the names that they have once it is installed.
    sys.path.insert(0, str(folder))
    file = folder / module
    return at(("file", str(file / "__init__.py" if file.is_dir() else file.with_suffix(".py"))), name)
