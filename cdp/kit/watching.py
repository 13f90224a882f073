"""Which files make up the plugins, and whether one of them has changed."""

from __future__ import annotations

import importlib.util
import sysconfig
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

from cdp.hooks.loading import ENTRY_POINT_GROUP

Look = dict[Path, tuple[int, int]]
"""Files, with when each was changed, in nanoseconds, and its size."""


def roots(plugins_dir: Path | None) -> list[Path]:
    """Where plugins are that somebody may be working on: those of the folder, and those installed editable."""
    found = [] if plugins_dir is None else [plugins_dir.resolve()]
    installed = {Path(sysconfig.get_path(name)).resolve() for name in ("purelib", "platlib")}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        root = _root_of(point.module.partition(".")[0])
        if root is not None and installed.isdisjoint(root.parents):
            found.append(root)
    return found


def look(at: list[Path]) -> Look:
    """How their files are now; hidden ones, and what Python makes of them, do not count."""
    seen: Look = {}
    for root in at:
        for file in _files(root):
            try:
                found = file.stat()
            except FileNotFoundError:
                continue  # it went meanwhile
            seen[file] = (found.st_mtime_ns, found.st_size)
    return seen


def changed(before: Look, after: Look) -> set[Path]:
    """Files that are new, gone, or different."""
    return {file for file in before.keys() | after.keys() if before.get(file) != after.get(file)}


def _root_of(module: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).resolve()
    return file.parent if file.name == "__init__.py" else file


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for path in root.rglob("*"):
        parts = path.relative_to(root).parts
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in parts):
            yield path
