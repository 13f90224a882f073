"""Random kills under load: is anything lost, counted twice, or wrong?

    python -m bench.faults --quick
    python -m bench.faults --kills 100 --json faults.json
    python -m bench.faults --seconds 600 --seed 7

PostgreSQL, server and worker are killed with SIGKILL at random moments while applications track with unmodified SDKs,
which retry until they are answered, over connections that are cut as well. docs/benchmarks.md says what is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench.faults import chart
from bench.faults.counting import Counts, count
from bench.faults.processes import Kill, Killer, Postgres, Program
from bench.faults.wire import cut_at_random
from bench.figures import save, show
from bench.node import NODE, install
from bench.server import free_port, make_workspace

_HERE = Path(__file__).parent
_SDKS = _HERE.parent.parent / "tests" / "acceptance" / "node"
"""Where the lock file names the SDKs of Node."""
_CHART = Path("docs/benchmark-faults.svg")
_PATIENCE = 300.0
"""Seconds that the SDKs have for what is still under way at the end."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Random kills under load; counts lost, doubled and wrong.")
    parser.add_argument("--quick", action="store_true", help="half a minute of kills, for a first look")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there as JSON")
    parser.add_argument("--kills", type=int, metavar="N", help="so many kills [default: 100]")
    parser.add_argument("--seconds", type=float, metavar="N", help="kills for so long, instead of a number")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments [default: 1]")
    parser.add_argument("--workers", type=int, default=2, help="server processes [default: 2]")
    options = parser.parse_args()
    if options.quick and options.seconds is None and options.kills is None:
        options.seconds = 30.0
    return options


async def main() -> int:
    options = _arguments()
    install(_SDKS)
    with tempfile.TemporaryDirectory(prefix="diptych-faults-") as name:
        folder = _opened(Path(name))
        postgres = Postgres(folder / "data")
        try:
            began = time.time()
            run = await _attack(postgres, folder, options)
            ledger = _read(folder)
            counts = await count(postgres.server.superuser_url, postgres.folder, [call for _, call in ledger])
            seconds = time.time() - began
        finally:
            await asyncio.to_thread(postgres.server.stop)
    _report(run, counts, options)
    if not options.quick:
        chart.write(
            _CHART,
            [at for at, _ in ledger],
            run.kills,
            f"{datetime.now(UTC):%d %B %Y}; {len(run.kills)} kills in {seconds:.0f} s; "
            f"{counts.acknowledged:,} calls acknowledged, {counts.lost} lost, {counts.doubled} doubled",
        )
    save(options.json, _figures(run, counts, seconds))
    good = not (counts.lost or counts.doubled or counts.wrong or counts.orphans)
    return 0 if good else 1


def _opened(folder: Path) -> Path:
    """Let root's PostgreSQL, which runs as somebody else, enter a folder."""
    folder.chmod(0o711)
    return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What was done, and what the SDKs say to it."""

    kills: Sequence[Kill]
    cuts: int
    sdks: Mapping[str, Mapping[str, Any]]


async def _attack(postgres: Postgres, folder: Path, options: argparse.Namespace) -> _Run:
    """Kill until it is enough, then let the applications finish."""
    key, port, wired = make_workspace(postgres.server), free_port(), free_port()
    url = postgres.server.app_url
    serve = ["serve", "--port", str(port), "--database-url", url, "--no-worker"]
    server = Program("server", [*serve, "--workers", str(options.workers)], folder / "server.log")
    worker = Program("worker", ["worker", "--database-url", url], folder / "worker.log")
    rng = random.Random(options.seed)
    killer = Killer([postgres, server, worker], port, rng)
    senders: dict[str, subprocess.Popen[str]] = {}
    try:
        await killer.ready()
        async with cut_at_random(wired, port, rng) as wire:
            senders |= {name: _sender(name, folder, wired, key) for name in _NAMES}
            await killer.run(_enough(options))
            wire.calm = True
            await killer.ready()
            finishing = (asyncio.to_thread(_finish, *one) for one in senders.items())
            said = dict(zip(senders, await asyncio.gather(*finishing), strict=True))
        await killer.ready()
        return _Run(kills=killer.kills, cuts=wire.cuts, sdks=said)
    finally:
        for sender in senders.values():
            sender.kill()
        _show_log(folder)
        server.stop()
        worker.stop()


def _enough(options: argparse.Namespace) -> Callable[[int], bool]:
    """Whether so many kills are enough."""
    if options.seconds is None:
        return lambda kills: kills >= (options.kills or 100)
    end = time.monotonic() + options.seconds
    return lambda _: time.monotonic() >= end


_NAMES = ("segment-analytics-python", "rudder-sdk-python", "analytics-node", "segment-analytics-python 2")
"""The applications, by their SDKs."""


def _sender(name: str, folder: Path, port: int, key: str) -> subprocess.Popen[str]:
    sdk, url = name.split(maxsplit=1)[0], f"http://127.0.0.1:{port}"
    ledger = str(folder / f"{name}.ledger")
    if sdk == "analytics-node":
        command = [str(NODE), str(_HERE / "sender.mjs"), str(_SDKS), url, key, ledger, name]
    else:
        command = [sys.executable, "-W", "ignore", str(_HERE / "sender.py"), sdk, url, key, ledger, name]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _finish(name: str, process: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        output, _ = process.communicate("", timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise SystemExit(f"{name} did not come to an end.") from None
    if process.returncode != 0:
        raise SystemExit(f"{name} ended with status {process.returncode}.")
    result: dict[str, Any] = json.loads(output)
    return result


def _read(folder: Path) -> list[tuple[float, str]]:
    """When which call was acknowledged."""
    lines = (line for path in folder.glob("*.ledger") for line in path.read_text().splitlines())
    return sorted((float(at), call) for at, _, call in (line.partition(" ") for line in lines))


def _report(run: _Run, counts: Counts, options: argparse.Namespace) -> None:
    show(
        f"Kills at random moments (seed {options.seed}), and how long until the server was ready again",
        ("killed", "times", "median", "longest"),
        [
            (target, f"{len(downs)}", f"{median(downs):.1f} s", f"{max(downs):.1f} s")
            for target, downs in _downs(run.kills).items()
        ],
    )
    print(f"  Besides, {run.cuts:,} connections of the applications were cut.")
    show(
        "What the SDKs say",
        ("SDK", "calls", "acknowledged", "given up"),
        [
            (name, f"{said['made']:,}", f"{said['acknowledged']:,}", f"{said['given_up']:,}")
            for name, said in run.sdks.items()
        ],
    )
    show(
        "What is stored",
        ("acknowledged", "stored", "lost", "doubled", "wrong", "orphans", "refused", "people", "merged"),
        [
            tuple(
                f"{number:,}"
                for number in (
                    *(counts.acknowledged, counts.stored, counts.lost, counts.doubled, counts.wrong),
                    *(counts.orphans, counts.refused, counts.people, counts.merged),
                )
            )
        ],
    )
    for name, said in run.sdks.items():
        if said["error"]:
            print(f"  {name}: {said['error']}")
    for example in counts.examples:
        print(f"  {example}")


def _downs(kills: Sequence[Kill]) -> dict[str, list[float]]:
    downs: defaultdict[str, list[float]] = defaultdict(list)
    for kill in sorted(kills, key=lambda kill: kill.target):
        downs[kill.target].append(kill.down)
    return downs


def _figures(run: _Run, counts: Counts, seconds: float) -> dict[str, object]:
    figures = {
        "kills": len(run.kills),
        **asdict(counts),
        "connections_cut": run.cuts,
        "seconds": seconds,
        "sdks": run.sdks,
    }
    return figures | {
        "down_s": {
            target: {"times": len(downs), "median": median(downs), "longest": max(downs)}
            for target, downs in _downs(run.kills).items()
        }
    }


def _show_log(folder: Path) -> None:
    for path in sorted(folder.glob("*.log")):
        lines = path.read_text().splitlines()
        tracebacks = sum(line.startswith("Traceback") for line in lines)
        if tracebacks:
            first = next(place for place, line in enumerate(lines) if line.startswith("Traceback"))
            print(f"{path.name}: {tracebacks} tracebacks, the first:", *lines[first : first + 40], sep="\n  ")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
