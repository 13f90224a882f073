"""What schemathesis is told: how our scalars are written, and what no answer may hold. It loads this file itself."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import schemathesis
from graphql import DocumentNode, FieldNode, Visitor, print_ast, visit
from hypothesis import strategies as st
from schemathesis.graphql import nodes

from tests.fuzz.judging import Answer, hidden, wrong_with

_MOMENTS = ["2026-11-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "nonsense", ""]
_DATES = ["2026-11-01", "0001-01-01", "9999-12-31", "2026-02-30"]
_DURATIONS = ["P28D", "PT1H", "P0D", "-P1D", "P3660D", "P1M", "nonsense"]
_DECIMALS = ["1.50", "0", "-99999999999999999999.5", "1e400", "NaN"]

for name, written in (
    ("DateTime", _MOMENTS),
    ("Date", _DATES),
    ("Duration", _DURATIONS),
    ("Decimal", _DECIMALS),
):
    schemathesis.graphql.scalar(name, st.sampled_from(written).map(nodes.String))
schemathesis.graphql.scalar("JSON", st.one_of(st.text().map(nodes.String), st.integers().map(nodes.Int)))

# Arguments are mostly what is really there, in this workspace and in another one.
_POOLS = msgspec.json.decode(Path(os.environ["FUZZ_POOLS"]).read_bytes())
_KNOWN = {
    name: [one for one in _POOLS[name] if isinstance(one, str)] for name in ("id", "after", "ID", "String")
}
_IDS = [*_KNOWN["id"], *_KNOWN["after"], *_KNOWN["ID"]]
schemathesis.graphql.scalar("ID", st.sampled_from(_IDS).map(nodes.String))
schemathesis.graphql.scalar(
    "String", st.one_of(st.sampled_from([*_KNOWN["String"], *_IDS]), st.text()).map(nodes.String)
)
schemathesis.graphql.scalar("Int", st.sampled_from([2, 1, 3, 0, 5, 20, -1, 2**31 - 1]).map(nodes.Int))

_EITHER = (("first", "last"), ("after", "before"), ("id", "identifier"), ("id", "domain"))
"""Arguments that exclude each other; schemathesis gives every argument that there is."""


class _Fewer(Visitor):
    """Leaves out what would have nearly every document refused, or find nobody."""

    def enter_field(self, node: FieldNode, *_about: object) -> FieldNode:
        left = {argument.name.value: argument for argument in node.arguments}
        for one, other in _EITHER:
            if one in left and other in left:
                del left[other]
        if len(print_ast(node)) % 3:
            for name in ("where", "search", "after"):
                left.pop(name, None)
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=tuple(left.values()),
            directives=node.directives,
            selection_set=node.selection_set,
        )


@schemathesis.hook
def map_body(_context: schemathesis.HookContext, body: DocumentNode) -> DocumentNode:
    """Make it likelier that a document finds something."""
    return visit(body, _Fewer())


_HIDDEN = hidden(os.environ["FUZZ_SIDE"], os.environ["FUZZ_ROLE"])


@schemathesis.check
def no_fault_and_no_leak(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """No failure of ours, no foreign row, no forbidden value."""
    answer = Answer(response.status_code, f"{response.text}\n{dict(response.headers)}")
    wrong = wrong_with(answer, str(case.body), _HIDDEN)
    assert wrong is None, wrong
