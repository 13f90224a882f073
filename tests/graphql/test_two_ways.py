"""Whatever is asked: both ways out give the same answer, nothing is internal, every table is held to the workspace."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest
from graphql import print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from cdp.graphql.schema import build_schema
from tests.db.tenancy import violations

SDL = print_schema(build_schema().graphql_schema)

SOME_IDS = [
    "UHJvZmlsZTox",
    "UHJvZmlsZToy",
    "QWNjb3VudDox",
    "TWVtYmVyc2hpcDoxOjE",
    "TWVtYmVyc2hpcDoxOjA",
    "nonsense",
]
SCALARS = {
    "DateTime": st.sampled_from(["2026-11-01T00:00:00Z", "1999-12-31T23:59:59.999999+02:00", "x"]).map(
        nodes.String
    ),
    "Date": st.just("2026-11-01").map(nodes.String),
    "Decimal": st.just("1.50").map(nodes.String),
    "Duration": st.sampled_from(["P7D", "P28D", "PT1H", "P1M", "P9999D"]).map(nodes.String),
    "JSON": st.sampled_from(["pro", "x\u0000y", "Toys"]).map(nodes.String),
    "ID": st.sampled_from(SOME_IDS).map(nodes.String),
}

CASES = int(os.environ.get("DIPTYCH_DOCUMENTS", "100"))
"""Documents a role."""

READS = ["node", "profile", "profiles", "account", "accounts"]


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("role", ["ADMIN", "SALES"])
def test_both_ways_out_give_the_same_answer_and_none_is_internal(world: Any, role: str) -> None:
    """For any document that the schema allows, passed through and completed by the ordinary executor."""
    seen: list[int] = []

    @given(document=queries(SDL, fields=READS, custom_scalars=SCALARS))
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    def agree(document: str) -> None:
        passed, passed_errors, sql = world.execute(document, role=role, completing=False)
        completed, completed_errors, _ = world.execute(document, role=role, completing=True)
        codes = {error.get("extensions", {}).get("code") for error in passed_errors}
        assert "INTERNAL" not in codes, (document, passed_errors)
        assert sql == "" or violations(sql) == [], document
        assert _plain(passed) == _plain(completed), document
        if passed is None:
            # What may not be null took everything with it; the executor stops at the first such field.
            assert all(error in _sorted(passed_errors) for error in _sorted(completed_errors)), document
        else:
            assert _sorted(passed_errors) == _sorted(completed_errors), document
        seen.append(passed is not None)

    agree()
    assert sum(seen) > CASES // 5, "too few documents answer at all for this to mean something"


def _sorted(errors: list[Any]) -> list[Any]:
    return sorted(
        (
            {"message": e["message"], "path": list(e.get("path") or ()), "code": e["extensions"]["code"]}
            for e in errors
        ),
        key=repr,
    )
