"""Whether people's data may be used for personalisation; asked before anything else about them is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct

from cdp.db.pool import Connection
from cdp.db.queries import load_queries
from cdp.hooks.manager import Plugins
from cdp.hooks.outcomes import Held, Refused
from cdp.model import Batch, ConsentQuestion, Identifier, ProfileId, Purpose, Workspace

_SQL = load_queries("cdp.personalisation", "store.sql")

_LONGEST = 500


class Answer(Struct, frozen=True, kw_only=True):
    """Whether, and why."""

    allowed: bool
    reason: str


_NOBODY_OBJECTS = Answer(allowed=True, reason="Nothing says otherwise.")
_FAILED = "Whether the person consents could not be found out."


async def consents(
    connection: Connection,
    workspace: Workspace,
    plugins: Plugins,
    profile_ids: Sequence[ProfileId],
    as_of: datetime,
) -> Mapping[ProfileId, Answer]:
    """Of each of these people. Every plugin must agree; where one fails, nobody's data is used."""
    found = dict.fromkeys(profile_ids, _NOBODY_OBJECTS)
    if not profile_ids or not plugins.calls.asked("guard_consent", workspace):
        return found
    questions = await _questions(connection, workspace, profile_ids, as_of)
    people = list(questions)
    for index, reason in (await _refused(plugins, workspace, Batch(tuple(questions.values())))).items():
        found[people[index]] = Answer(allowed=False, reason=reason)
    return found


async def _questions(
    connection: Connection, workspace: Workspace, profile_ids: Sequence[ProfileId], as_of: datetime
) -> dict[ProfileId, ConsentQuestion]:
    questions = {}
    for row in await connection.fetch(_SQL.consent, workspace.workspace_id, list(profile_ids)):
        known = msgspec.json.decode(row["known"]) if row["known"] is not None else {}
        questions[ProfileId(row["profile_id"])] = ConsentQuestion(
            purpose=Purpose.PERSONALISATION,
            identifiers=tuple(
                Identifier(kind, value) for kind, value in zip(row["kinds"], row["values"], strict=True)
            ),
            known=known if isinstance(known, dict) else {},
            as_of=as_of,
        )
    return questions


async def _refused(
    plugins: Plugins, workspace: Workspace, questions: Batch[ConsentQuestion]
) -> dict[int, str]:
    """By index, why a person's data may not be used."""
    refused: dict[int, str] = {}

    def keep(asked: Batch[ConsentQuestion], answer: dict[int, str]) -> Batch[ConsentQuestion]:
        for index, reason in answer.items():
            refused.setdefault(index, reason)
        return asked

    (passed,) = await plugins.calls.guard(
        "guard_consent", [questions], _checked, pass_on=keep, workspace=workspace
    )
    if isinstance(passed, Held):
        return dict.fromkeys(range(len(questions)), _FAILED)
    return refused


def _checked(asked: Batch[ConsentQuestion], answer: object) -> dict[int, str]:
    if not isinstance(answer, dict):
        raise Refused(f"it returned {type(answer).__name__} instead of a dict")
    for index, reason in answer.items():
        if type(index) is not int or not 0 <= index < len(asked):
            raise Refused(f"{index!r} is the index of no question")
        if not isinstance(reason, str) or not reason.strip() or len(reason) > _LONGEST:
            raise Refused(f"a reason is a text of 1 to {_LONGEST} characters")
    return dict(answer)
