"""A bar chart as SVG, without a library: requests per second relative to PostGraphile's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 760, 130, 190, 18, 22
_COLOURS = {"diptych": "#2f6f8f", "postgraphile": "#c58b3b", "dataloaders": "#9a9a9a"}
_NAMES = {"diptych": "Diptych", "postgraphile": "PostGraphile 5", "dataloaders": "Strawberry, dataloaders"}


def write(path: Path, titles: Mapping[str, str], rates: Mapping[str, Mapping[str, float]], note: str) -> None:
    """Draw `rates` (case → server → req/s)."""
    most = max(rate / of["postgraphile"] for of in rates.values() for rate in of.values())
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    shapes: list[str] = []
    y = 64
    for x, name in zip((_LEFT, _LEFT + 110, _LEFT + 260), _NAMES, strict=True):
        shapes += [_bar(x, 34, 12, 12, _COLOURS[name]), _text(x + 18, 45, _NAMES[name])]
    for case, of in rates.items():
        shapes.append(_text(_LEFT - 12, y + _BAR * 1.5 + 5, titles[case], anchor="end"))
        for name in _NAMES:
            ratio = of[name] / of["postgraphile"]
            shapes.append(_bar(_LEFT, y, max(1, ratio * scale), _BAR - 3, _COLOURS[name]))
            shapes.append(_text(_LEFT + ratio * scale + 8, y + 13, f"{of[name]:,.0f} req/s ({ratio:.2f}×)"))
            y += _BAR
        y += _GAP
    head = _text(16, 22, "Reads per second, relative to PostGraphile", weight="bold")
    foot = _text(16, y + 4, note, colour="#666666")
    path.write_text("\n".join([*_frame(y + 20), head, *shapes, foot, "</svg>"]) + "\n")


def _frame(height: float) -> Sequence[str]:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" role="img">',
        "<style>text { font: 13px system-ui, sans-serif }</style>",
        "<title>Reads per second of Diptych, PostGraphile 5 and Strawberry with dataloaders</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    )


def _bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" height="{height:.0f}" fill="{colour}"/>'


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal", colour: str = "#222222"
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" style="font-weight: {weight}" fill="{colour}">'
        f"{escape(text)}</text>"
    )
