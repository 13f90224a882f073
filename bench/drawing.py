"""Bar charts as SVG, without a library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

OURS, PEER, OTHER = "#2f6f8f", "#c58b3b", "#9a9a9a"
"""Colours: Diptych, what it is compared with first, and what else."""

WIDTH = 760
_LEFT, _RIGHT, _STEP = 130, 190, 26


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled length, and the words beside it."""

    label: str
    value: float
    said: str
    colour: str = OURS


def bars(path: Path, *, title: str, bars: Sequence[Bar], note: str) -> None:
    """Draw bars below each other, all on one scale; one without a label belongs to the one above."""
    scale = (WIDTH - _LEFT - _RIGHT) / max(one.value for one in bars)
    shapes: list[str] = []
    y = 40
    for one in bars:
        y += 8 if one.label and shapes else 0
        shapes.append(text(_LEFT - 12, y + 15, one.label, anchor="end"))
        shapes.append(bar(_LEFT, y, max(1, one.value * scale), _STEP - 6, one.colour))
        shapes.append(text(_LEFT + one.value * scale + 8, y + 15, one.said))
        y += _STEP
    write(path, title=title, shapes=shapes, height=y + 36, note=note)


def write(path: Path, *, title: str, shapes: Sequence[str], height: float, note: str) -> None:
    """Write a chart with its title above and a note below its shapes."""
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" role="img">',
        "<style>text { font: 13px system-ui, sans-serif }</style>",
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        text(16, 22, title, weight="bold"),
        *shapes,
        text(16, height - 16, note, colour="#666666"),
        "</svg>",
    )
    path.write_text("\n".join(lines) + "\n")


def bar(x: float, y: float, width: float, height: float, colour: str) -> str:
    """A rectangle."""
    return f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.1f}" height="{height:.0f}" fill="{colour}"/>'


def text(
    x: float, y: float, said: str, *, anchor: str = "start", weight: str = "normal", colour: str = "#222222"
) -> str:
    """A line of text; `anchor` as in SVG."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" style="font-weight: {weight}" fill="{colour}">'
        f"{escape(said)}</text>"
    )
