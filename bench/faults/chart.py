"""The run as a picture: calls acknowledged a second, and the kills."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import drawing
from bench.drawing import bar, text
from bench.faults.processes import Kill

_LEFT, _TOP, _HEIGHT = 60, 64, 160
_COLOURS = {"server": "#c0392b", "worker": "#8e6bb0", "postmaster": drawing.PEER, "backend": "#e0b878"}
_NAMES = {
    "server": "server killed",
    "worker": "worker killed",
    "postmaster": "PostgreSQL killed",
    "backend": "a backend killed",
}


def write(path: Path, acknowledged: Sequence[float], kills: Sequence[Kill], note: str) -> None:
    """Draw the moments of acknowledgements, binned by whole seconds or more, and of kills."""
    begin, end = min(acknowledged), max(*acknowledged, *(kill.at for kill in kills))
    step = max(1.0, (end - begin) / 300)
    bins = Counter(int((at - begin) / step) for at in acknowledged)
    most = max(bins.values()) / step
    scale = (drawing.WIDTH - _LEFT - 16) / (end - begin + step)

    def x_of(at: float) -> float:
        return _LEFT + (at - begin) * scale

    shapes = [*_legend(), *_axis(most)]
    for place, count in bins.items():
        height = count / step / most * _HEIGHT
        shapes.append(
            bar(x_of(begin + place * step), _TOP + _HEIGHT - height, step * scale, height, drawing.OURS)
        )
    shapes += _marks(kills, x_of)
    bottom = _TOP + _HEIGHT + 26
    shapes.append(text(drawing.WIDTH - 16, bottom, f"{end - begin:.0f} s", anchor="end"))
    title = "Calls acknowledged a second, while processes are killed"
    drawing.write(path, title=title, shapes=shapes, height=bottom + 40, note=note)


def _legend() -> list[str]:
    shapes = []
    x = _LEFT
    for target, name in _NAMES.items():
        shapes += [bar(x, 34, 12, 12, _COLOURS[target]), text(x + 18, 45, name)]
        x += 150
    return shapes


def _axis(most: float) -> list[str]:
    return [
        bar(_LEFT, _TOP + _HEIGHT, drawing.WIDTH - _LEFT - 16, 1, "#222222"),
        text(_LEFT - 8, _TOP + 10, f"{most:,.0f}", anchor="end"),
        text(_LEFT - 8, _TOP + _HEIGHT, "0", anchor="end"),
    ]


def _marks(kills: Sequence[Kill], x_of: Callable[[float], float]) -> list[str]:
    return [
        bar(x_of(kill.at), _TOP + _HEIGHT + 2, 2, 10, _COLOURS.get(kill.target, drawing.OTHER))
        for kill in kills
    ]
