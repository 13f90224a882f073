"""Arguments and output that every benchmark shares."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def arguments(description: str, **flags: str) -> argparse.Namespace:
    """`--quick` (smaller, for a first look), `--json FILE` (the figures for a machine to read), and further flags."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smaller run, for a first look")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there as JSON")
    for name, purpose in flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=purpose)
    return parser.parse_args()


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table with a title."""
    widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
    print(f"\n{title}")
    for row in (columns, ["─" * width for width in widths], *rows):
        print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def save(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write the figures as JSON, if a file was asked for."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")
