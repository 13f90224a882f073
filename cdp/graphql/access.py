"""Why somebody sees something, or does not: every decision by the schema coordinate that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, cast

import strawberry
from graphql import GraphQLSchema
from msgspec import Struct
from strawberry.scalars import ID

from cdp.access.key import KeyState
from cdp.access.keys import get_key
from cdp.access.principals import Principal
from cdp.access.roles import scopes_of_role
from cdp.access.scopes import GRANTABLE, KeyRole, Scope, Scopes
from cdp.db.pool import Connection
from cdp.errors import BadInput
from cdp.graphql.context import Info
from cdp.graphql.labelled import needs
from cdp.graphql.requirements import Requirement, requirements_of
from cdp.graphql.vocabulary import describe
from cdp.model import WorkspaceId
from cdp.model.ids import decode_id_of
from cdp.plan.declassified import Declassified, declassified_at
from cdp.plan.labels import PluginScope


class Verdict(StrEnum):
    """What somebody gets to see at a coordinate."""

    GRANTED = "GRANTED"
    MASKED = "MASKED"
    DENIED = "DENIED"


describe(
    Verdict,
    "What somebody gets to see at a schema coordinate.",
    {
        "GRANTED": "All of it.",
        "MASKED": "Another form of it, such as `j•••@example.com`.",
        "DENIED": "Nothing; a field that may be null is null, and everything else fails.",
    },
    name="AccessVerdict",
)


class Asking(Struct, frozen=True, kw_only=True):
    """Whose access is explained."""

    subject: str
    role: str
    scopes: Scopes


@strawberry.type(description="A scope that something takes.")
class AccessNeed:
    """One scope of a coordinate."""

    scope: str = strawberry.field(description="The scope.")
    inherited: bool = strawberry.field(
        description="Whether every way to it takes the scope; otherwise it declares the scope itself."
    )
    held: bool = strawberry.field(description="Whether whoever is asked about has it.")


@strawberry.type(
    description="Something that is shown, on purpose, to people who lack what its sources would take."
)
class AccessDeclassification:
    """One decision of cdp/plan/declassified.py."""

    labels: list[str] = strawberry.field(description="The labels that it is free of.")
    reveals: str = strawberry.field(description="What those learn through it who lack the scopes.")
    reason: str = strawberry.field(description="Why that is right.")

    @classmethod
    def of(cls, one: Declassified) -> AccessDeclassification:
        """As GraphQL shows it."""
        return cls(labels=sorted(map(str, one.labels)), reveals=one.reveals, reason=one.reason)


@strawberry.type(description="Why somebody sees something, or does not.")
class AccessExplanation:
    """One decision, explained."""

    coordinate: str = strawberry.field(description="What it is about.")
    verdict: Verdict = strawberry.field(description="What there is to see.")
    because: str = strawberry.field(description="Why, in a sentence.")
    subject: str = strawberry.field(
        description="Whose access it is: `key:12`, `role:SALES_EMEA`, `token:ISSUER:SUB`, …"
    )
    role: str = strawberry.field(description="The role that decides.")
    scopes: list[str] = strawberry.field(description="What it grants at present.")
    needs: list[AccessNeed] = strawberry.field(
        description="All scopes that it takes; empty: whoever is let in sees it."
    )
    declassified: list[AccessDeclassification] = strawberry.field(
        description="What it tells on purpose without the scopes that its sources would take."
    )


def explain(requirement: Requirement, asking: Asking) -> AccessExplanation:
    """The decision about a coordinate for somebody."""
    held = asking.scopes
    if asking.role == KeyRole.ADMIN and held >= GRANTABLE:
        held |= {scope for scope in requirement.scopes if isinstance(scope, PluginScope)}
    wanted = [
        AccessNeed(scope=str(scope), inherited=scope not in requirement.own, held=str(scope) in held)
        for scope in sorted(requirement.scopes)
    ]
    verdict = _verdict(requirement, held)
    return AccessExplanation(
        coordinate=requirement.coordinate,
        verdict=verdict,
        because=_because(verdict, wanted, asking),
        subject=asking.subject,
        role=asking.role,
        scopes=sorted(held),
        needs=wanted,
        declassified=[AccessDeclassification.of(one) for one in declassified_at(requirement.coordinate)],
    )


def requirement_at(schema: GraphQLSchema, coordinate: str) -> Requirement:
    """What a coordinate takes.

    Raises:
        BadInput: there is nothing at it.
    """
    found = _requirements(schema).get(coordinate.strip())
    if found is None:
        raise BadInput(
            f"{coordinate[:80]!r} is not in the schema; write it like Profile.buyerIntent, ProfileFilter.usage, "
            "ProfileOrderField.INTENT_SCORE or Query.profiles(search:).",
            field=("coordinate",),
        )
    return found


@lru_cache(maxsize=8)
def _requirements(schema: GraphQLSchema) -> Mapping[str, Requirement]:
    return requirements_of(schema)


async def asking_of_key(
    connection: Connection, workspace_id: WorkspaceId, key_id: int, now: datetime
) -> Asking:
    """A key of the workspace.

    Raises:
        NotFound: there is none of that number.
        BadInput: it has ended.
    """
    key = await get_key(connection, workspace_id, key_id)
    if (state := key.state(now)) is not KeyState.ACTIVE:
        raise BadInput(
            f"The key {key_id} is {state.value.lower()}; nobody sees anything with it.", field=("key",)
        )
    return Asking(subject=f"key:{key_id}", role=key.role, scopes=key.scopes)


async def asking_of_role(connection: Connection, workspace_id: WorkspaceId, role: str) -> Asking:
    """A preset, or a role of the workspace's own.

    Raises:
        BadInput: there is none of that name.
    """
    name, scopes = await scopes_of_role(connection, workspace_id, role)
    return Asking(subject=f"role:{name}", role=name, scopes=scopes)


def asking_of(principal: Principal) -> Asking:
    """Whoever asks."""
    return Asking(subject=principal.subject, role=principal.role, scopes=principal.scopes)


def _verdict(requirement: Requirement, scopes: Scopes) -> Verdict:
    missing = {scope for scope in requirement.scopes if str(scope) not in scopes}
    if not missing:
        return Verdict.GRANTED
    if missing <= requirement.masked:
        return Verdict.MASKED
    return Verdict.DENIED


def _because(verdict: Verdict, wanted: list[AccessNeed], asking: Asking) -> str:
    role = f"the role {asking.role}"
    missing = _listed([one.scope for one in wanted if not one.held])
    match verdict:
        case Verdict.GRANTED if not wanted:
            return "It takes no scope."
        case Verdict.GRANTED:
            return f"It takes {_listed([one.scope for one in wanted])}, which {role} grants."
        case Verdict.MASKED:
            return f"It takes {missing}, which {role} does not grant; without it there is another form."
        case Verdict.DENIED:
            return f"It takes {missing}, which {role} does not grant."


def _listed(scopes: list[str]) -> str:
    if len(scopes) < 2:
        return "".join(f"`{scope}`" for scope in scopes)
    return ", ".join(f"`{scope}`" for scope in scopes[:-1]) + f" and `{scopes[-1]}`"


@strawberry.type
class AccessQuery:
    """Fields of Query about who may see what."""

    @strawberry.field(
        description="Why somebody sees something, or does not. Without `key` and `role` it is about whoever asks; with "
        "one of them it needs `workspace:admin`."
    )
    async def access_explain(
        self,
        info: Info,
        coordinate: Annotated[
            str,
            strawberry.argument(
                description="A schema coordinate: `Profile.buyerIntent`, `ProfileFilter.usage`, "
                "`ProfileOrderField.INTENT_SCORE`, `Query.profiles(search:)`."
            ),
        ],
        key: Annotated[
            ID | None,
            strawberry.argument(description="Id of a key.", metadata=needs(Scope.WORKSPACE_ADMIN)),
        ] = None,
        role: Annotated[
            str | None,
            strawberry.argument(
                description="Name of a role: a preset, or one of the workspace's own.",
                metadata=needs(Scope.WORKSPACE_ADMIN),
            ),
        ] = None,
    ) -> AccessExplanation | None:
        """One decision."""
        context = info.context
        graphql_schema: GraphQLSchema = cast("Any", info.schema).graphql_schema
        asking = asking_of(context.caller)
        if key is not None or role is not None:
            context.require(Scope.WORKSPACE_ADMIN)
            if key is not None and role is not None:
                raise BadInput("Give at most one of `key` and `role`.")
            async with context.services.database.transaction(context.workspace_id) as connection:
                if key is not None:
                    number = decode_id_of("ApiKey", key)
                    asking = await asking_of_key(connection, context.workspace_id, number, context.as_of)
                elif role is not None:
                    asking = await asking_of_role(connection, context.workspace_id, role)
        return explain(requirement_at(graphql_schema, coordinate), asking)
