"""Finding plugins: installed ones by entry point, and modules or packages in a folder."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from cdp.errors import Misconfigured

ENTRY_POINT_GROUP = "cdp.plugins"
GUARDS = ("guard_event", "guard_consent")
"""Hooks that decide what may be stored."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A plugin that has not been imported yet."""

    name: str
    version: str
    source: str
    load: Callable[[], object]
    address: tuple[str, str] | None = None
    """How another process finds it: the kind of place, and where there; None: it cannot."""


def installed() -> Iterator[Found]:
    """Plugins of installed distributions, by name."""
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        yield _from_entry_point(point)


def first_party() -> Iterator[Found]:
    """Those of them that come with Diptych, by name."""
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        if point.dist is not None and point.dist.name == "diptych":
            yield _from_entry_point(point)


def in_folder(folder: Path) -> Iterator[Found]:
    """Modules (`name.py`) and packages (`name/__init__.py`) in a folder, by name; none that begin with `_` or `.`.

    Raises:
        Misconfigured: there is no such folder.
    """
    if not folder.is_dir():
        raise Misconfigured(f"There is no folder of plugins {folder}; make it, or mend CDP_PLUGINS_DIR.")
    for path in sorted(folder.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        if path.name.startswith(("_", ".")) or file.suffix != ".py" or not file.is_file():
            continue
        yield _from_file(path.stem, file)


def guards(found: Found) -> bool:
    """Whether a plugin says anywhere in its code that it guards events, found without importing it.

    Of one that cannot be imported nothing else can be known, and events must not pass where a guard is missing.
    """
    return any(hook in code for code in _code_of(found) for hook in GUARDS)


def _code_of(found: Found) -> Iterator[str]:
    if found.address is None:
        return
    kind, place = found.address
    file = Path(place) if kind == "file" else _file_of(place)
    if file is None:
        return
    files = sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else [file]
    for one in files:
        with suppress(OSError):
            yield one.read_text(errors="replace")


def _file_of(entry_point: str) -> Path | None:
    """Where the code of an entry point begins; its packages are not imported for that."""
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name != entry_point:
            continue
        first, *rest = point.module.split(".")
        spec = importlib.machinery.PathFinder.find_spec(first)
        if spec is None or spec.origin is None:
            return None
        file = Path(spec.origin)
        if not rest:
            return file
        module = file.parent.joinpath(*rest)
        return next(
            (one for one in (module / "__init__.py", module.with_suffix(".py")) if one.is_file()), file
        )
    return None


def at(address: tuple[str, str], name: str) -> Found:
    """The plugin of an address, in another process than the one that found it.

    Raises:
        Misconfigured: it is not there any more.
    """
    kind, place = address
    if kind == "file":
        return _from_file(name, Path(place))
    for point in entry_points(group=ENTRY_POINT_GROUP, name=place):
        return _from_entry_point(point)
    raise Misconfigured(f"There is no plugin {place!r} any more.")


def _from_entry_point(point: EntryPoint) -> Found:
    distribution = point.dist
    return Found(
        name=point.name,
        version=distribution.version if distribution else "",
        source=f"{distribution.name if distribution else 'unknown'} ({point.value})",
        load=point.load,
        address=("entry point", point.name),
    )


def _from_file(name: str, file: Path) -> Found:
    def load() -> ModuleType:
        # Two folders may hold plugins of one name, and neither may hide an installed module.
        folder = hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]
        module_name = f"cdp_plugin_{folder}_{name}"
        spec = importlib.util.spec_from_file_location(
            module_name,
            file,
            submodule_search_locations=[str(file.parent)] if file.name == "__init__.py" else None,
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is not a module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module

    return Found(name=name, version="", source=str(file), load=load, address=("file", str(file.resolve())))
