"""What claims are granted: roles by rules, scopes by name, and never more than the issuer's entry says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdp.access.scopes import GRANTABLE, KeyRole
from cdp.access.tokens import Condition, Issuer, Rule
from cdp.access.tokens.claims import Granted, explain, grant, holds, look_up, principal_of
from cdp.errors import Unauthenticated
from cdp.model import WorkspaceId

EVERYTHING = frozenset({*GRANTABLE, "plugin:scoring:read"})


def issuer(**more: Any) -> Issuer:
    given: dict[str, Any] = {
        "workspace_id": WorkspaceId(1),
        "issuer_id": 7,
        "name": "idp",
        "url": "https://login.acme.example",
        "audience": "urn:diptych:workspace:1",
        "scopes": EVERYTHING,
    }
    return Issuer(**given | more)


def rule(claim: str, value: str, role: str) -> Rule:
    return Rule(Condition(claim, value), role)


GROUPS = (
    rule("groups", "sales", "SALES"),
    rule("groups", "support", "SUPPORT"),
    rule("groups", "field", "FIELD"),
)


def test_whose_claim_holds_a_value_has_the_role_and_several_have_all_of_them() -> None:
    found = grant({"groups": ["support", "sales", "chess"]}, issuer(rules=GROUPS))
    assert found == Granted(
        roles=("SALES", "SUPPORT"),
        scopes=frozenset({"profiles:read", "pii:read", "intent:read", "usage:read"}),
        by_name=frozenset(),
    )
    assert grant({"groups": "sales"}, issuer(rules=GROUPS)).roles == ("SALES",)


def test_a_value_is_met_whole() -> None:
    """A group whose name has another's in it is another group."""
    for groups in (
        ["sales "],
        "sales support",
        "Sales",
        ["not sales"],
        {"sales": True},
        [["sales"]],
        None,
        7,
    ):
        assert grant({"groups": groups}, issuer(rules=GROUPS)).scopes == frozenset(), groups


def test_whom_no_rule_names_has_nothing_unless_a_role_is_for_all() -> None:
    assert grant({"groups": ["chess"]}, issuer(rules=GROUPS)).scopes == frozenset()
    others = issuer(rules=GROUPS, default_role="PARTNER")
    assert grant({"groups": ["chess"]}, others).scopes == {"events:write", "profiles:read"}
    assert grant({"groups": ["sales"]}, others).roles == ("SALES",)


def test_a_role_of_the_workspace_s_own_grants_what_it_says_and_one_that_is_gone_nothing() -> None:
    known = issuer(rules=GROUPS, custom_roles={"FIELD": frozenset({"profiles:read"})})
    assert grant({"groups": ["field"]}, known).scopes == {"profiles:read"}
    assert grant({"groups": ["field", "sales"]}, issuer(rules=GROUPS)).roles == ("SALES",)
    with pytest.raises(Unauthenticated, match="nothing that it claims"):
        principal_of({"sub": "ann", "groups": ["field"]}, issuer(rules=GROUPS))


def test_administrators_have_all_that_the_entry_names_also_what_plugins_declare() -> None:
    rules = (rule("groups", "admins", "ADMIN"),)
    assert grant({"groups": ["admins"]}, issuer(rules=rules)).scopes == EVERYTHING
    few = issuer(rules=rules, scopes=frozenset({"profiles:read"}))
    assert grant({"groups": ["admins"]}, few).scopes == {"profiles:read"}


def test_scopes_are_claimed_by_name_as_words_or_as_a_list() -> None:
    wanted = {"profiles:read", "usage:read"}
    assert grant({"scope": "openid profiles:read usage:read"}, issuer()).scopes == wanted
    assert grant({"scope": ["profiles:read", "usage:read", 7]}, issuer()).scopes == wanted
    assert grant({"permissions": [*wanted]}, issuer(scope_claim="permissions")).by_name == wanted
    assert grant({"scope": "profiles:read"}, issuer(scope_claim=None)).scopes == frozenset()


def test_claims_are_found_at_the_end_of_a_path_and_names_with_dots_are_names_first() -> None:
    claims = {
        "realm_access": {"roles": ["sales"]},
        "https://acme.example/role": "support",
        "a.b": "whole",
        "a": {"b": "path"},
    }
    assert look_up(claims, "realm_access.roles") == ["sales"]
    assert look_up(claims, "https://acme.example/role") == "support"
    assert look_up(claims, "a.b") == "whole"
    assert look_up(claims, "realm_access.roles.0") is None
    assert look_up(claims, "nowhere.at.all") is None


def test_an_address_that_nobody_has_verified_meets_no_condition() -> None:
    """Some issuers let anybody type one in."""
    condition = Condition("email", "ann@acme.example")
    claims = {"email": "ann@acme.example"}
    assert [holds(condition, claims | more) for more in (
        {}, {"email_verified": False}, {"email_verified": "false"}, {"email_verified": 1.5},
        {"email_verified": True}, {"email_verified": "true"},
    )] == [False, False, False, False, True, True]  # fmt: skip


def test_each_grant_is_explained_and_what_is_kept_back_too() -> None:
    """By rule, by name, by default; words that are no scopes are nobody's business."""
    known = issuer(
        rules=GROUPS,
        scopes=frozenset({"profiles:read", "usage:read"}),
        custom_roles={},
        default_role="PARTNER",
    )
    claims = {"groups": ["sales", "field"], "scope": "openid usage:read workspace:admin"}
    assert explain(claims, known) == [
        "SALES, since groups is sales: intent:read pii:read profiles:read",
        "FIELD, since groups is field: nothing",
        "by name in scope: usage:read workspace:admin",
        "kept back, since the issuer's entry does not name it: intent:read pii:read workspace:admin",
    ]
    assert grant(claims, known).scopes == {"profiles:read", "usage:read"}
    assert explain({}, known) == [
        "PARTNER, since no rule holds: events:write profiles:read",
        "kept back, since the issuer's entry does not name it: events:write",
    ]
    assert explain({}, issuer()) == []


def test_what_is_required_has_to_hold_all_of_it() -> None:
    known = issuer(
        default_role="PARTNER", required=(Condition("hd", "acme.example"), Condition("employee", "true"))
    )
    good = {"sub": "ann", "hd": "acme.example", "employee": True}
    assert principal_of(good, known).role == "PARTNER"
    for claims in ({"hd": "evil.example"}, {"hd": None}, {"employee": False}, {"employee": "yes"}):
        with pytest.raises(Unauthenticated, match=f"The claim {next(iter(claims))} "):
            principal_of(good | claims, known)


def test_the_purpose_is_one_of_those_that_there_are() -> None:
    found = [
        principal_of({"sub": "ann", "scope": "profiles:read", "purpose": said}, issuer()).purpose
        for said in ("SUPPORT", "sales_outreach", "curiosity", None, ["SUPPORT"])
    ]
    assert found == ["SUPPORT", "SALES_OUTREACH", None, None, None]


claim_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["sales", "admins", "profiles:read workspace:admin", "visitor:read audit:read"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["groups", "scope"]), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.sampled_from(["groups", "scope", "email", "sub"]), claim_values),
    st.frozensets(st.sampled_from(sorted(GRANTABLE))),
    st.sampled_from([None, *KeyRole]),
)
def test_no_claims_are_granted_more_than_the_entry_says(
    claims: dict[str, Any], most: frozenset[str], default_role: str | None
) -> None:
    """Whatever they are; and what only a visitor's token gives, none of them."""
    rules = (rule("groups", "admins", "ADMIN"), *GROUPS)
    found = grant(claims, issuer(scopes=most, rules=rules, default_role=default_role))
    assert found.scopes <= most
    assert found.by_name <= found.scopes
    assert "visitor:read" not in found.scopes
