"""What schemathesis makes of our schema in its GraphQL mode, as every preset role; `make fuzz` runs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from tests.fuzz.conftest import SECONDS, SEED, Attacked
from tests.fuzz.judging import HIDDEN_PANELS
from tests.graphql.documents import Pools

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("role", sorted(HIDDEN_PANELS))
def test_schemathesis_finds_nothing(
    attacked: Attacked, pools: Mapping[str, Pools], role: str, tmp_path: Path
) -> None:
    file = tmp_path / "pools.json"
    file.write_bytes(msgspec.json.encode(pools["scratch" if role == "ADMIN" else "our"]))
    side = attacked.sides["scratch" if role == "ADMIN" else "our"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{attacked.url}/graphql",
            "--header",
            f"Authorization: Bearer {side.keys[role]}",
            "--phases",
            "fuzzing",
            "--mode",
            "all",
            "--checks",
            "no_fault_and_no_leak",
            "--seed",
            str(SEED),
            "--max-time",
            str(max(45, int(SECONDS / 4))),
            "--no-color",
            "--generation-database",
            "none",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "SCHEMATHESIS_HOOKS": "tests.fuzz.checks",
            "FUZZ_SIDE": side.name,
            "FUZZ_ROLE": role,
            "FUZZ_POOLS": str(file),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout.replace(side.keys[role], "KEY")
    print(f"schemathesis as {role}, seed {SEED}: {_summary(said)}")
    assert done.returncode == 0, f"{said[-6_000:]}\n{done.stderr[-2_000:]}"
    assert "No test cases were generated" not in said, "it takes half a minute to read the schema"
    attacked.check_logs()


def _summary(said: str) -> str:
    found = re.findall(r"(?m)^.*(?:test cases?|Test cases?|generated).*$", said)
    return "; ".join(line.strip() for line in found) or said[-400:]
