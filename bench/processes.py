"""What processes use: CPU seconds and memory of a whole tree of them, as the kernel counts it."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Use:
    """CPU that a process and its descendants, ended ones included, have used, and the memory that they hold."""

    cpu_seconds: float
    memory_mib: float

    def __sub__(self, before: Use) -> Use:
        """What was used since `before`; memory as it is now."""
        return Use(self.cpu_seconds - before.cpu_seconds, self.memory_mib)


def use_of(pid: int) -> Use:
    """What a process and its descendants use; pages that several of them share count once."""
    cpu = memory = 0.0
    for one in family(pid):
        with contextlib.suppress(OSError, ValueError):
            cpu += sum(int(ticks) for ticks in _stat(one)[11:15]) / _TICKS
            memory += _shared_fairly(one)
    return Use(cpu, memory)


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            one = int(folder.name)
            parents.setdefault(int(_stat(one)[1]), []).append(one)
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, which may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _shared_fairly(pid: int) -> float:
    """Proportional set size in MiB; the resident size where the kernel does not tell the former."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    for name in ("Pss:", "VmRSS:"):
        for line in lines:
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    return 0.0
