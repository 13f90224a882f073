"""What everything in the schema takes, as declared and inherited; and as its text and the table of permissions say."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    parse,
)
from graphql.language import ConstDirectiveNode, ListValueNode, StringValueNode

import cdp
from cdp.graphql.permissions import permissions
from cdp.graphql.requirements import requirements_of
from cdp.graphql.schema import build_schema, sdl

ROOT = Path(cdp.__file__).parent.parent
FOUND = requirements_of(build_schema().graphql_schema)

INTENT, USAGE, PII, PROFILES = "intent:read", "usage:read", "pii:read", "profiles:read"


@pytest.mark.parametrize(
    ("coordinate", "own", "inherited"),
    [
        ("Query.profiles", {PROFILES}, set()),
        ("Query.profiles(search:)", {PII}, {PROFILES}),
        ("Profile.id", set(), {PROFILES}),
        ("Profile.buyerIntent", {INTENT}, {PROFILES}),
        ("BuyerIntent.score", set(), {INTENT, PROFILES}),
        ("Signal.count", set(), {INTENT, PROFILES}),
        ("AccountUsage.seats", set(), {USAGE, PROFILES}),
        ("ScoreContribution.points", set(), {PROFILES}),  # of either panel: each way to it takes its own
        ("ScoreContribution.reason", {PII}, {PROFILES}),
        ("ProfileFilter.buyerIntent", {INTENT}, set()),
        ("BuyerIntentFilter.score", set(), {INTENT}),
        ("ProfileOrderField.INTENT_SCORE", {INTENT}, {PROFILES}),
        ("Job.error", set(), {"workspace:admin"}),  # also by `node`, where none exists for others
        ("Mutation.profileMerge", {"profiles:write"}, set()),
        ("ProfileMergeInput.into", set(), {"profiles:write"}),
        ("ProfileMergePayload.profile", {PROFILES}, {"profiles:write"}),
        ("IdentityLink.times", {INTENT, USAGE}, {PII, PROFILES}),
    ],
)
def test_what_something_takes_is_what_it_declares_and_what_every_way_to_it_takes(
    coordinate: str, own: set[str], inherited: set[str]
) -> None:
    found = FOUND[coordinate]
    assert (set(found.own), set(found.inherited)) == (own, inherited)


def test_the_schema_s_text_says_what_each_part_declares() -> None:
    """And of what it inherits, the panels' scopes and that of personal data."""
    written = dict(_written())
    of_panels = {INTENT, USAGE, PII}
    expected = {
        coordinate: (
            {scope.value for scope in one.own}
            | (set() if one.of_argument else {scope.value for scope in one.inherited} & of_panels),
            {scope.value for scope in one.masked} - {scope.value for scope in one.inherited},
        )
        for coordinate, one in FOUND.items()
    }
    assert {key: one for key, one in written.items() if one[0]} == {
        key: one for key, one in expected.items() if one[0]
    }


def _written() -> list[tuple[str, tuple[set[str], set[str]]]]:
    found = []
    for type_ in parse(sdl()).definitions:
        match type_:
            case ObjectTypeDefinitionNode() | InterfaceTypeDefinitionNode():
                for field in type_.fields or ():
                    coordinate = f"{type_.name.value}.{field.name.value}"
                    found.append((coordinate, _scopes(field.directives)))
                    found += [
                        (f"{coordinate}({one.name.value}:)", _scopes(one.directives))
                        for one in field.arguments or ()
                    ]
            case InputObjectTypeDefinitionNode():
                found += [
                    (f"{type_.name.value}.{one.name.value}", _scopes(one.directives))
                    for one in type_.fields or ()
                ]
            case EnumTypeDefinitionNode():
                found += [
                    (f"{type_.name.value}.{one.name.value}", _scopes(one.directives))
                    for one in type_.values or ()
                ]
            case _:
                pass
    return found


def _scopes(directives: tuple[ConstDirectiveNode, ...] | None) -> tuple[set[str], set[str]]:
    """All that the directives name, and what is masked of it."""
    everything: set[str] = set()
    masked: set[str] = set()
    for directive in directives or ():
        if directive.name.value != "requires":
            continue
        given = {one.name.value: one.value for one in directive.arguments or ()}
        listed = given["scopes"]
        assert isinstance(listed, ListValueNode)
        scopes = {one.value for one in listed.values if isinstance(one, StringValueNode)}
        everything |= scopes
        if "masked" in given:
            masked |= scopes
    return everything, masked


def test_the_committed_table_of_permissions_is_fresh() -> None:
    assert (ROOT / "docs/permissions.md").read_text() == permissions(), "run `make schema`"


def test_the_table_says_who_sees_what_and_who_sees_it_masked() -> None:
    table = permissions().splitlines()
    assert "| `Profile.buyerIntent` | `intent:read`, `profiles:read` | ADMIN, SALES, MARKETING |" in table
    assert (
        "| `Profile.displayName` | `pii:read`, `profiles:read` | ADMIN, SALES, SUPPORT, (MARKETING), (PARTNER) |"
        in table
    )
    assert "| `Job` | `workspace:admin` | none |" in table
