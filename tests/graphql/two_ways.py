"""One generated document as every role, by both ways out: passed through, and completed by the ordinary executor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from cdp.graphql.context import Context
from cdp.graphql.documents import Refused
from cdp.graphql.schema import build_schema
from cdp.identity.kinds import make_kinds
from tests.db.tenancy import violations
from tests.graphql.conftest import NOW, World
from tests.graphql.documents import Asked
from tests.graphql.reducing import reduced


@dataclass
class Tally:
    """What became of the cases of a run; a case is a document asked as one role."""

    refused: int = 0
    """Documents that are not valid, each with an error that says why."""
    answered: int = 0
    """Cases with data and without errors."""
    partly: int = 0
    failed: int = 0
    """Cases without any data."""
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def cases(self) -> int:
        return self.answered + self.partly + self.failed


class Trial:
    """Asks documents of a world, and says what is wrong with the answers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tally = Tally()
        self._checked: set[str] = set()

    def run(self, documents: Iterable[tuple[str, Asked]]) -> Tally:
        """Ask them all.

        Raises:
            AssertionError: something is wrong with one; the message has it made as small as can be.
        """
        for name, one in documents:
            for role, variables, wrong in self.world.run(self._wrong(one)):
                smaller = self._reduced(one, role, variables, wrong)
                raise AssertionError(
                    f"{name}, as {role}: {wrong}\n{smaller}\nvariables: {variables!r}\nat first: {one.document}"
                )
        return self.tally

    def change(self, documents: Iterable[tuple[str, Asked]]) -> Tally:
        """Run mutations, each as one role, most often as the one that may do everything.

        Raises:
            AssertionError: one failed by our fault.
        """
        roles = [*self.world.keys, *["ADMIN"] * 18]
        for number, (name, one) in enumerate(documents):
            role = roles[number % len(roles)]
            try:
                build_schema().documents.read(one.document)
            except Refused:
                self.tally.refused += 1
                continue
            data, errors, _ = self.world.run(self._ask(one.document, one.variables, role, completing=False))
            self._count(data, errors)
            wrong = [error for error in errors if error["code"] not in EXPECTED]
            assert not wrong, f"{name}, as {role}: {wrong}\n{one.document}\nvariables: {one.variables!r}"
        return self.tally

    def _reduced(self, one: Asked, role: str, variables: dict[str, Any], wrong: str) -> str:
        kind = wrong.partition(":")[0]
        again = Trial(self.world)

        def fails(document: str) -> bool:
            asked = replace(one, document=document, variables=variables, others=variables)
            found = self.world.run(again._wrong(asked, roles=[role]))
            return any(each.startswith(kind) for _, _, each in found)

        return reduced(one.document, fails)

    async def _wrong(self, one: Asked, roles: Iterable[str] | None = None) -> list[tuple[str, Any, str]]:
        """Role, variables and a sentence for each answer that is not as it should be."""
        try:
            build_schema().documents.read(one.document)
        except Refused as refused:
            self.tally.refused += 1
            return [
                ("nobody", {}, f"no code: {error.message}")
                for error in refused.errors
                if "INTERNAL" in str((error.extensions or {}).get("code"))
            ]
        found = []
        for role in roles or self.world.keys:
            sets = (
                [one.variables, one.others]
                if role == "ADMIN" and one.others != one.variables
                else [one.variables]
            )
            for variables in sets:
                wrong = await self._compare(one.document, variables, role)
                if wrong is not None:
                    found.append((role, variables, wrong))
        return found

    async def _compare(self, document: str, variables: dict[str, Any], role: str) -> str | None:
        passed, passed_errors, sql = await self._ask(document, variables, role, completing=False)
        completed, completed_errors, _ = await self._ask(document, variables, role, completing=True)
        self._count(passed, passed_errors)
        for error in (*passed_errors, *completed_errors):
            if error["code"] not in EXPECTED:
                return f"an error is {error['code']}: {error}"
        if sql not in self._checked and (broken := violations(sql) if sql else []):
            return f"a table is not held to the workspace: {broken}"
        self._checked.add(sql)
        if role == "ADMIN" and (wrong := await self._over_http(document, variables, role, passed)):
            return wrong
        return _difference(passed, passed_errors, completed, completed_errors)

    async def _over_http(
        self, document: str, variables: dict[str, Any], role: str, passed: Any
    ) -> str | None:
        response = await self.world.client.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Authorization": f"Bearer {self.world.keys[role]}"},
        )
        if response.status_code == 200 and response.json().get("data") == passed:
            return None
        return f"over HTTP it differs: {response.status_code} {response.text}, passed through {passed!r}"

    def _count(self, data: Any, errors: list[dict[str, Any]]) -> None:
        if data is None:
            self.tally.failed += 1
        elif errors:
            self.tally.partly += 1
        else:
            self.tally.answered += 1
        self.tally.codes.update({error["code"] for error in errors})

    async def _ask(
        self, document: str, variables: dict[str, Any], role: str, *, completing: bool
    ) -> tuple[Any, list[dict[str, Any]], str]:
        application = self.world.application
        asks = not completing and document.startswith("query")
        context = Context(
            services=application,
            principal=await application.authenticator.authenticate(self.world.keys[role]),
            as_of=NOW,
            kinds=make_kinds(),
            complete_everything=completing,
        )
        result = await build_schema().execute(document, variable_values=variables, context_value=context)
        errors = [
            {
                "message": error.message,
                "path": list(error.path or ()),
                "code": (error.extensions or {}).get("code"),
            }
            for error in result.errors or ()
        ]
        sql = context.reading.plan().sql if asks and hasattr(context, "reading") else ""
        return msgspec.json.decode(msgspec.json.encode(result.data)), sorted(errors, key=repr), sql


def _difference(
    passed: Any,
    passed_errors: list[dict[str, Any]],
    completed: Any,
    completed_errors: list[dict[str, Any]],
) -> str | None:
    if passed != completed:
        return f"the answers differ: passed through {passed!r}, completed {completed!r}"
    # Where what may not be null took everything with it, the executor stops at the first such field: which of the
    # others had failed by then depends on who was quicker.
    agree = (
        any(error in passed_errors for error in completed_errors)
        if passed is None
        else passed_errors == completed_errors
    )
    return (
        None if agree else f"the errors differ: passed through {passed_errors}, completed {completed_errors}"
    )


EXPECTED = {"BAD_USER_INPUT", "COMPLEXITY", "FORBIDDEN", "NOT_FOUND"}
"""Codes of errors that a generated document may deserve."""
