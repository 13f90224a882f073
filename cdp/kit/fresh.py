"""Importing plugins anew after their files have changed, so that it can be taken back."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from cdp.hooks.loading import Found, in_folder, installed
from cdp.hooks.manager import Plugins
from cdp.settings import Settings


class Fresh:
    """The plugins as their files are now; `take_back` is for who does not want them after all.

    Args:
        settings: of the process.
        roots: folders and files of plugins.
        changed: the files that have changed.

    Raises:
        Misconfigured: two plugins contradict each other.
    """

    def __init__(self, settings: Settings, roots: Iterable[Path], changed: Iterable[Path]) -> None:
        self.errors: dict[str, str] = {}
        """Plugins that could not be loaded, and why, with the lines that lead there."""
        self._former = _forget([root for root in roots if any(_is_below(file, root) for file in changed)])
        for file in changed:
            # Python tells versions of a file apart by the second and the size.
            Path(importlib.util.cache_from_source(str(file))).unlink(missing_ok=True)
        importlib.invalidate_caches()
        try:
            self.plugins = Plugins.load(settings, found=self._noted(settings))
        except BaseException:
            self.take_back()
            raise
        for one in self.plugins.health():
            if one.error is not None:
                self.errors.setdefault(one.name, one.error)

    def take_back(self) -> None:
        """Have what is imported be as it was before."""
        sys.modules.update(self._former)

    def _noted(self, settings: Settings) -> Iterable[Found]:
        folder = () if settings.plugins_dir is None else in_folder(settings.plugins_dir)
        for one in (*installed(), *folder):
            yield replace(one, load=self._noting(one))

    def _noting(self, one: Found) -> Callable[[], object]:
        def load() -> object:
            try:
                return one.load()
            except BaseException as error:
                self.errors[one.name] = _said(error)
                raise

        return load


def _forget(roots: list[Path]) -> dict[str, ModuleType]:
    """Take what was imported from there out of Python's register; the answer is what it was."""
    found = {
        name: module
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None)) is not None
        and any(_is_below(Path(file).resolve(), root) for root in roots)
    }
    for name in found:
        del sys.modules[name]
    return found


def _is_below(file: Path, root: Path) -> bool:
    return file == root or root in file.parents


def _said(error: BaseException) -> str:
    """The error with the lines of the plugin that lead to it, and not those of ours or of the import system."""
    ours = Path(__file__).parents[1]
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and ours not in Path(frame.filename).parents
    ]
    lines = [*traceback.format_list(frames), *traceback.format_exception_only(error)]
    return "".join(lines).rstrip()
