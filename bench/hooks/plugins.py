"""Plugins that do nothing, and plugins that do what no plugin should: written into a folder, as an author would."""

from __future__ import annotations

import inspect
from pathlib import Path

from cdp.hooks.specs import Hooks, hook_names

_NEUTRAL = {"dict": "{}", "list": "[]", "None": "None"}


def write_idle(folder: Path, count: int, *, told: bool = True) -> None:
    """So many plugins, each with every hook, each hook with the least that it may answer.

    Without `told`, they lack the hooks that tell of changes: those are kept for each plugin until it has taken them.
    """
    for number in range(count):
        (folder / f"idle_{number}.py").write_text(idle(told=told))


def idle(*, told: bool) -> str:
    """One plugin with every hook."""
    lines = [
        "from msgspec import Struct",
        "from cdp.hooks import hookimpl",
        "from cdp.model import PluginInfo",
        "class Settings(Struct, frozen=True, kw_only=True):",
        "    level: int = 1",
    ]
    for hook in sorted(hook_names()):
        if not told and hook.endswith("_changed"):
            continue
        arguments = [name for name in inspect.signature(getattr(Hooks, hook)).parameters if name != "self"]
        lines += ["@hookimpl", f"def {hook}({', '.join(arguments)}):", f"    return {_least(hook)}"]
    return "\n".join(lines) + "\n"


def _least(hook: str) -> str:
    if hook == "register_plugin":
        return "PluginInfo(summary='Does nothing.')"
    if hook == "register_settings":
        return "Settings"
    returned = str(inspect.signature(getattr(Hooks, hook)).return_annotation)
    return next((text for kind, text in _NEUTRAL.items() if returned.startswith(kind)), "None")


_HEAD = """
import time, urllib.request
from pathlib import Path
from cdp.hooks import hookimpl
"""

_CHAOS = {
    "raises": "raise RuntimeError('chaos')",
    "hangs": "time.sleep(3600)",
    "spins": "while True: pass",
    "hoards": "held = []\n    while True: held.append(b'x' * 100_000)",
    "nonsense": "return 'nonsense'",
    "million": "return list(range(1_000_000))",
    "mutates": "[getattr(one, 'traits', {}).clear() for one in (getattr(given, 'profile', given),)]; return []",
    "calls_back": "urllib.request.urlopen(Path(__file__).with_name('url').read_text(), timeout=60).read(); return []",
}
_BLOCKS = "time.sleep(1.0)\n    return []"

_HOOKS = ("resolve_roles(membership)", "choose_personalisation(request)", "transform_event(events)")


def write_chaos(folder: Path) -> list[str]:
    """One plugin for each thing that plugins should not do, in hooks of reading, settling and ingest; their names.

    The one that calls back asks what the file `url` in the folder says.
    """
    for name, body in _CHAOS.items():
        code = [_HEAD]
        for hook in _HOOKS:
            argument = hook.partition("(")[2].rstrip(")")
            code.append(f"@hookimpl\ndef {hook}:\n    given = {argument}\n    {body}\n")
        (folder / f"{name}.py").write_text("\n".join(code))
    blocks = [_HEAD, *(f"@hookimpl\nasync def {hook}:\n    {_BLOCKS}\n" for hook in _HOOKS)]
    (folder / "blocks.py").write_text("\n".join(blocks))
    return sorted([*_CHAOS, "blocks"])
