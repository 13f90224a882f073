"""Whose fault a failed transaction is."""

from __future__ import annotations

import asyncpg
import pytest

from cdp.errors import BadInput, NotFound, Unavailable
from cdp.ingest.failures import Verdict, judge, sentence


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (asyncpg.DeadlockDetectedError("x"), Verdict.AGAIN),
        (asyncpg.SerializationError("x"), Verdict.AGAIN),
        (asyncpg.AdminShutdownError("x"), Verdict.AGAIN),
        (asyncpg.ConnectionDoesNotExistError("x"), Verdict.AGAIN),
        (asyncpg.CannotConnectNowError("x"), Verdict.AGAIN),
        (asyncpg.TooManyConnectionsError("x"), Verdict.AGAIN),
        (asyncpg.ReadOnlySQLTransactionError("x"), Verdict.AGAIN),
        (asyncpg.DiskFullError("x"), Verdict.AGAIN),
        (asyncpg.InvalidCachedStatementError("x"), Verdict.AGAIN),
        (asyncpg.InterfaceError("x"), Verdict.AGAIN),
        (ConnectionResetError(), Verdict.AGAIN),
        (TimeoutError(), Verdict.AGAIN),
        (Unavailable("x"), Verdict.AGAIN),
        (asyncpg.UniqueViolationError("x"), Verdict.PERHAPS_AGAIN),
        (asyncpg.ForeignKeyViolationError("x"), Verdict.PERHAPS_AGAIN),
        (asyncpg.UntranslatableCharacterError("x"), Verdict.EVENT),
        (asyncpg.NumericValueOutOfRangeError("x"), Verdict.EVENT),
        (asyncpg.ProgramLimitExceededError("x"), Verdict.EVENT),
        (BadInput("x"), Verdict.EVENT),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "x"), Verdict.EVENT),
        (KeyError("x"), Verdict.EVENT),
        (asyncpg.UndefinedColumnError("x"), Verdict.SYSTEM),
        (asyncpg.InsufficientPrivilegeError("x"), Verdict.SYSTEM),
        (NotFound("x"), Verdict.SYSTEM),
    ],
)
def test_every_failure_has_its_verdict(error: Exception, verdict: Verdict) -> None:
    assert judge(error) is verdict


async def test_a_value_that_the_driver_cannot_send_is_the_events_fault(owner: asyncpg.Connection) -> None:
    with pytest.raises(Exception, match="invalid input") as caught:
        await owner.fetchval("SELECT $1::bigint", "text")
    assert judge(caught.value) is Verdict.EVENT


def test_our_own_mistakes_are_not_explained_to_the_sender() -> None:
    assert sentence(KeyError("ann@example.com")) == "The event cannot be stored (KeyError)."
