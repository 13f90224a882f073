"""The chart of the read benchmark: requests per second relative to PostGraphile's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench import drawing
from bench.drawing import bar, text

_LEFT, _RIGHT, _BAR, _GAP = 130, 190, 18, 22
_COLOURS = {"diptych": drawing.OURS, "postgraphile": drawing.PEER, "dataloaders": drawing.OTHER}
_NAMES = {"diptych": "Diptych", "postgraphile": "PostGraphile 5", "dataloaders": "Strawberry, dataloaders"}


def write(path: Path, titles: Mapping[str, str], rates: Mapping[str, Mapping[str, float]], note: str) -> None:
    """Draw `rates` (case → server → req/s)."""
    most = max(rate / of["postgraphile"] for of in rates.values() for rate in of.values())
    scale = (drawing.WIDTH - _LEFT - _RIGHT) / most
    shapes: list[str] = []
    y = 64
    for x, name in zip((_LEFT, _LEFT + 110, _LEFT + 260), _NAMES, strict=True):
        shapes += [bar(x, 34, 12, 12, _COLOURS[name]), text(x + 18, 45, _NAMES[name])]
    for case, of in rates.items():
        shapes.append(text(_LEFT - 12, y + _BAR * 1.5 + 5, titles[case], anchor="end"))
        for name in _NAMES:
            ratio = of[name] / of["postgraphile"]
            shapes.append(bar(_LEFT, y, max(1, ratio * scale), _BAR - 3, _COLOURS[name]))
            shapes.append(text(_LEFT + ratio * scale + 8, y + 13, f"{of[name]:,.0f} req/s ({ratio:.2f}×)"))
            y += _BAR
        y += _GAP
    title = "Reads per second, relative to PostGraphile"
    drawing.write(path, title=title, shapes=shapes, height=y + 20, note=note)
