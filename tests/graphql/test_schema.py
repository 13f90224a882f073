"""The schema as a contract: fresh, described, labelled only where null is possible; GraphiQL's page and examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    build_schema,
)

import cdp
from cdp.graphql.askers import Asker
from cdp.graphql.asking import Asked, Desk
from cdp.graphql.ide import examples
from cdp.graphql.schema import build_schema as build_ours
from cdp.graphql.schema import sdl
from cdp.graphql.trusted import TrustedDocuments
from cdp.plan.fields import Column, declaration_of
from cdp.plan.labels import NONE

ROOT = Path(cdp.__file__).parent.parent


def test_the_committed_schema_is_fresh() -> None:
    assert (ROOT / "schema.graphql").read_text() == sdl(), "run `cdp schema > schema.graphql`"


def test_every_element_is_described() -> None:
    assert list(_undescribed()) == []


def _undescribed() -> Iterator[str]:
    for type_ in build_schema(sdl()).type_map.values():
        if type_.name.startswith("__") or type_.name in {"Boolean", "Float", "ID", "Int", "String"}:
            continue
        if not type_.description:
            yield type_.name
        if isinstance(type_, GraphQLEnumType):
            yield from (
                f"{type_.name}.{name}" for name, value in type_.values.items() if not value.description
            )
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
            for name, field in type_.fields.items():
                if not field.description:
                    yield f"{type_.name}.{name}"
                for argument, declared in getattr(field, "args", {}).items():
                    if not declared.description:
                        yield f"{type_.name}.{name}({argument})"


def test_scalars_name_their_specification() -> None:
    scalars = [
        type_ for type_ in build_schema(sdl()).type_map.values() if isinstance(type_, GraphQLScalarType)
    ]
    ours = {
        one.name: one.specified_by_url
        for one in scalars
        if one.name not in {"Boolean", "Float", "ID", "Int", "String"}
    }
    assert set(ours) == {"Date", "DateTime", "Decimal", "Duration", "JSON"}
    assert all(url and url.startswith("https://") for url in ours.values())


def test_what_may_be_forbidden_may_be_null() -> None:
    """But for what has a form that shows less to those who may not see all of it; fields of the root fail whole."""
    schema = build_ours().graphql_schema
    roots = (schema.query_type, schema.subscription_type)
    wrong = []
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and type_ not in roots:
            for name, field in type_.fields.items():
                declared = declaration_of(field)
                if declared is None or declared.labels == NONE or not isinstance(field.type, GraphQLNonNull):
                    continue
                if not (isinstance(declared, Column) and declared.redacted):
                    wrong.append(f"{type_.name}.{name}")
    assert wrong == []


def test_the_core_of_the_contract_is_there() -> None:
    """Names and types of docs' core; more arguments and fields are welcome."""
    schema = build_schema(sdl())
    core = {
        "Query.node": "Node", "Query.profile": "Profile", "Query.profiles": "ProfileConnection!",
        "Query.account": "Account", "Query.accounts": "AccountConnection!",
        "Profile.id": "ID!", "Profile.displayName": "String", "Profile.traits": "JSON!",
        "Profile.identifiers": "[Identifier!]!", "Profile.buyerIntent": "BuyerIntent", "Profile.usage": "Usage",
        "Profile.memberships": "MembershipConnection!", "Profile.timeline": "EventConnection!",
        "Profile.personalisation": "Personalisation", "BuyerIntent.score": "Float!",
        "BuyerIntent.level": "IntentLevel!", "BuyerIntent.stage": "BuyingStage",
        "BuyerIntent.furthestStage": "BuyingStage", "BuyerIntent.journey": "[StageVisit!]!",
        "BuyerIntent.signals": "[Signal!]!", "BuyerIntent.purchases": "Purchases!", "BuyerIntent.asOf": "DateTime!",
        "Usage.phase": "UsagePhase!", "Usage.adoptionRate": "Float", "Usage.activeDays": "Int!",
        "Usage.stickiness": "Float!", "Usage.features": "[FeatureUse!]!", "Usage.onboarding": "Onboarding!",
        "Usage.support": "Support!", "Usage.training": "Training!", "Usage.satisfaction": "Satisfaction!",
        "Usage.lastUsedAt": "DateTime", "Usage.asOf": "DateTime!", "Membership.id": "ID!",
        "Membership.person": "Profile!", "Membership.account": "Account", "Membership.roles": "[RoleClaim!]!",
        "Membership.influence": "Float!", "Membership.since": "DateTime", "Membership.until": "DateTime",
        "Account.kind": "AccountKind!", "Account.name": "String", "Account.domain": "String",
        "Account.traits": "JSON!", "Account.buyerIntent": "AccountBuyerIntent", "Account.usage": "AccountUsage",
        "Account.alignment": "Alignment!", "Account.people": "MembershipConnection!",
    }  # fmt: skip
    found = {}
    for path in core:
        type_name, _, name = path.partition(".")
        type_ = schema.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType)
        found[path] = str(type_.fields[name].type)
    assert found == core


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_of_graphiql_answer(world: Any, name: str) -> None:
    document = examples()[name]
    if re.search("^subscription ", document, re.MULTILINE) is None:
        data = world.data(document)
    else:
        data = world.run(first_answer(world, document))
    assert any(data.values())


async def first_answer(world: Any, document: str) -> Any:
    """What a follower is told at once."""
    desk = Desk(world.application, TrustedDocuments())
    async with aclosing(desk.answers(Asked(query=document), Asker(world.keys["ADMIN"]))) as answers:
        answer = await anext(answers)
    assert answer.errors is None
    return answer.data


def test_graphiql_needs_nothing_from_elsewhere(world: Any) -> None:
    page = world.run(world.client.get("/graphql", headers={"Accept": "text/html"}))
    assert page.status_code == 200
    assert "https://" not in page.text.replace("http://www.w3.org", "")
    for asset in re.findall(r'(?:src|href)="(graphql/assets/[^"]+)"', page.text):
        found = world.run(world.client.get(f"/{asset}"))
        assert found.status_code == 200
        assert len(found.content) > 5_000, "it arrives unpacked"
    assert world.run(world.client.get("/graphql/assets/../transport.py")).status_code == 404
