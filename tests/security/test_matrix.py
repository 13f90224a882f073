"""Every field, argument, filter and sort key, asked by every preset role in two workspaces that know the same people.

What a role lacks the declared scopes for is null, with an error that names a scope which it lacks and nothing else; all
else is answered; and no answer, whosever it is, holds a word of the other workspace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType

from cdp.access.scopes import SCOPES, KeyRole
from cdp.app import Application
from cdp.graphql.requirements import Requirement, requirements_of
from cdp.graphql.schema import build_schema
from cdp.plan.fields import declaration_of
from cdp.plan.filters import CONDITION
from tests.security.asking import ARGUMENTS, SAMPLES, Asked, Questions
from tests.security.conftest import Side, plant_background, track

SCHEMA = build_schema().graphql_schema
REQUIREMENTS = requirements_of(SCHEMA)
AT_ONCE = 16
"""Questions in one document, each under an alias."""


def questions() -> Sequence[Asked]:
    """As few as lead to every coordinate that a query leads to; subscriptions read in the same way."""
    kept, known = [], set[str]()
    for asked in Questions(SCHEMA, REQUIREMENTS, steps=2).all():
        if asked.opening.startswith("query") and not known.issuperset(asked.coordinates):
            known.update(asked.coordinates)
            kept.append(asked)
    return kept


def test_everything_that_can_be_asked_for_is_asked_for() -> None:
    """But for what a cursor is given to, which reads what the order does, and the other way to the items of a page."""
    asked = {coordinate for one in questions() for coordinate in one.coordinates}
    there = {
        coordinate
        for coordinate in REQUIREMENTS
        if _is_planned(coordinate)
        and not coordinate.startswith("Subscription.")
        and not coordinate.endswith(("(after:)", "(before:)", "Edge.node"))
    }
    assert there - asked == set()


def _is_planned(coordinate: str) -> bool:
    """Whether the planner answers it: a field, an argument of one, what a filter compares, a sort key."""
    name, _, member = coordinate.partition(".")
    type_ = SCHEMA.type_map[name]
    match type_:
        case GraphQLObjectType():
            return declaration_of(type_.fields[member.partition("(")[0]]) is not None
        case GraphQLInputObjectType():
            definition = type_.fields[member].extensions.get("strawberry-definition")
            return CONDITION in (getattr(definition, "metadata", None) or {})
        case _:
            return name.endswith("OrderField")


def documents(asked: Sequence[Asked]) -> Iterator[tuple[str, Mapping[str, Asked]]]:
    """Documents of several questions, and these by their aliases."""
    for start in range(0, len(asked), AT_ONCE):
        some = {f"q{number}": one for number, one in enumerate(asked[start : start + AT_ONCE])}
        roots = " ".join(
            f"{alias}: {_with_ids(one.document.removeprefix('query {').removesuffix('}'))}"
            for alias, one in some.items()
        )
        known = sorted(set(re.findall(r"\$(\w+)", roots)))
        declared = f"({', '.join(f'${name}: ID!' for name in known)})" if known else ""
        yield f"query {declared} {{ {roots} }}", some


def _with_ids(question: str) -> str:
    """The question with variables in place of ids: of each type one that there is."""
    by_type = re.sub(r'node\(id: "\w+"\) \{\s+\.\.\. on (\w+) \{', r"node(id: $\1) { ... on \1 {", question)
    return by_type.replace(SAMPLES["ID"], "$Profile").replace(ARGUMENTS["account"], "$Account")


IDS = """{
  profiles { nodes { id memberships { nodes { id account { id } } } timeline { nodes { id } } } }
  jobs { nodes { id } } deliveries { nodes { id } }
}"""


async def ids_of(side: Side) -> Mapping[str, str]:
    """An id of each type that has them."""
    data = await side.data(IDS)
    (person,) = data["profiles"]["nodes"]
    (membership,) = person["memberships"]["nodes"]
    return {
        "Profile": person["id"],
        "Membership": membership["id"],
        "Account": membership["account"]["id"],
        "Event": person["timeline"]["nodes"][0]["id"],
        "Job": data["jobs"]["nodes"][0]["id"],
        "Delivery": data["deliveries"]["nodes"][0]["id"],
    }


def lacking(one: Requirement, role: str) -> set[str]:
    """The scopes that a role lacks of what a coordinate declares, where there is nothing else to be shown."""
    lacks = {scope.value for scope in one.own if scope not in SCOPES[KeyRole(role)]}
    return set() if lacks and lacks <= one.masked else lacks


def forbidden(asked: Asked, role: str) -> set[str]:
    """All scopes that the role lacks for a question; none: it is answered."""
    return set().union(*(lacking(REQUIREMENTS[coordinate], role) for coordinate in asked.coordinates))


@pytest.fixture
async def sides(ours: Side, theirs: Side, application: Application) -> Mapping[str, Side]:
    """Both workspaces by the word that stands in all that only they know."""
    told = {"oursalone": ours, "theirsalone": theirs}
    for word, side in told.items():
        properties = {"feature": word, "step": word, "course": word, "page": word}
        order = {"order_id": word, "total": 7, "currency": "EUR"}
        traits = {"name": word, "email": f"ann@{word}.example", "plan": word}
        await side.tell(
            {"type": "identify", "userId": "u-1", "anonymousId": word, "traits": traits},
            {
                "type": "group",
                "userId": "u-1",
                "groupId": "g-1",
                "traits": {"name": word, "domain": f"{word}.example", "plan": word},
            },
            *(track("u-1", "Feature Used", properties=properties) for _ in range(3)),
            track("u-1", "Onboarding Step Completed", properties=properties),
            track("u-1", "Support Ticket Opened", messageId=word, properties=properties),
            track("u-1", "Pricing Viewed", context={"note": word}, properties=properties),
            track("u-1", "Order Completed", properties=order),
            track("u-1", word),
        )
        await plant_background(application, side.workspace_id)
    while await application.worker.settle_once():
        pass
    return told


@pytest.mark.parametrize("role", [role.value for role in KeyRole])
async def test_each_role_is_answered_what_it_has_the_scopes_for_and_nothing_else(
    sides: Mapping[str, Side], role: str
) -> None:
    asked = questions()
    wrong: list[str] = []
    shown = dict.fromkeys(sides, 0)
    ids = {word: await ids_of(side) for word, side in sides.items()}
    for document, some in documents(asked):
        for word, side in sides.items():
            needed = {name: one for name, one in ids[word].items() if f"${name}:" in document}
            response = await side.post(document, role=role, **needed)
            wrong += [
                f"{other} in {word}: {document}"
                for other in sides
                if other != word and other in response.text
            ]
            shown[word] += response.text.count(word)
            answer = response.json()
            wrong += _wrong(answer, some, role)
    assert wrong == []
    # What is asked is there to be shown, in both.
    assert all((count > 0) == (role != "INGEST") for count in shown.values())


def _wrong(answer: dict[str, Any], some: Mapping[str, Asked], role: str) -> Iterator[str]:
    """One sentence for each question that was not answered as its labels say."""
    errors: dict[str, list[dict[str, Any]]] = {}
    for error in answer.get("errors", ()):
        errors.setdefault(str(error.get("path", ["?"])[0]), []).append(error)
    if "?" in errors:
        yield f"{role}: {errors['?']}"
        return
    for alias, asked in some.items():
        lacks, told = forbidden(asked, role), errors.get(alias, [])
        codes = {error["extensions"]["code"] for error in told}
        if codes != ({"FORBIDDEN"} if lacks else set()):
            yield f"{role}, who lacks {sorted(lacks)}, is told {told}: {asked.document}"
        for error in told:
            if not any(f"the scope {scope}." in error["message"] for scope in lacks):
                yield f"{role} is told {error['message']}, and lacks {sorted(lacks)}: {asked.document}"
            elif any(
                value is not None for value in _at((answer.get("data") or {}).get(alias), error["path"][1:])
            ):
                yield f"{role} is shown {error['path']}: {asked.document}"


def _at(value: Any, path: Sequence[str | int]) -> Iterator[Any]:
    """What an answer has at a path, through all items of lists."""
    if isinstance(value, list):
        for one in value:
            yield from _at(one, path)
    elif not path or value is None:
        yield value
    elif isinstance(path[0], int):
        yield from _at(value, path[1:])
    else:
        yield from _at(value.get(path[0]), path[1:])
