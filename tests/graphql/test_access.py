"""Explanations of access, for what plugins label and what is masked."""

from __future__ import annotations

import pytest

from cdp.access.scopes import SCOPES, KeyRole, Scope
from cdp.graphql.access import Asking, explain
from cdp.graphql.requirements import Requirement
from cdp.plan.labels import PluginScope

CREDIT = PluginScope("plugin:credit:read")
OWN_PII = Requirement(
    coordinate="Identifier.value",
    own=frozenset({Scope.PII_READ}),
    inherited=frozenset({CREDIT}),
    masked=frozenset({Scope.PII_READ}),
)


@pytest.mark.parametrize(
    ("role", "scopes", "verdict", "missing"),
    [
        ("ADMIN", SCOPES[KeyRole.ADMIN], "GRANTED", set()),
        ("ADMIN", SCOPES[KeyRole.ADMIN] - {Scope.AUDIT_READ}, "DENIED", {CREDIT}),
        ("DEPUTY", SCOPES[KeyRole.ADMIN], "DENIED", {CREDIT}),
        ("CREDITORS", frozenset({CREDIT}), "MASKED", {"pii:read"}),
        ("NOBODY", frozenset(), "DENIED", {CREDIT, "pii:read"}),
    ],
    ids=["administrator", "administrator of a token that grants less", "deputy", "by scope", "nobody"],
)
def test_a_mask_is_for_who_lacks_the_field_s_own_scopes_alone(
    role: str, scopes: frozenset[str], verdict: str, missing: set[str]
) -> None:
    """ADMIN has what plugins' labels take, as long as it has everything else."""
    found = explain(OWN_PII, Asking(subject="x", role=role, scopes=scopes))
    assert found.verdict.value == verdict
    assert {need.scope for need in found.needs if not need.held} == missing
    assert all(f"`{scope}`" in found.because for scope in missing)
