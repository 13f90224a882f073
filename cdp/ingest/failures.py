"""What a failed transaction means for the events in it."""

from __future__ import annotations

from enum import Enum, auto

import asyncpg

from cdp.errors import BadInput, DiptychError, Unavailable


class Verdict(Enum):
    """Whose fault a failure is."""

    AGAIN = auto()
    """Nobody's: the same transaction may well succeed in a moment (deadlock, lost connection, full server)."""
    PERHAPS_AGAIN = auto()
    """Either two processes were in each other's way, or one event breaks a rule of the database: try once more."""
    EVENT = auto()
    """One of the events cannot be stored: find it and go on without it."""
    SYSTEM = auto()
    """Something is wrong that another try does not mend, and no event is to blame: nothing is acknowledged."""


_AGAIN = (
    Unavailable,
    TimeoutError,
    OSError,
    asyncpg.InterfaceError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.InternalClientError,
)


def judge(error: Exception) -> Verdict:
    """Whose fault it is that the transaction failed with `error`.

    Errors that PostgreSQL does not know come from our own code: an event that it cannot cope with is refused and kept
    like one that the database cannot hold, rather than holding up all others for good.
    """
    match error:
        case asyncpg.DataError() | asyncpg.ProgramLimitExceededError() | ValueError() | BadInput():
            return Verdict.EVENT
        case asyncpg.IntegrityConstraintViolationError():
            return Verdict.PERHAPS_AGAIN
        case _ if isinstance(error, _AGAIN):
            return Verdict.AGAIN
        case DiptychError() | asyncpg.PostgresError():
            return Verdict.SYSTEM
        case _:
            return Verdict.EVENT


_OUTAGES: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((asyncpg.DiskFullError,), "PostgreSQL's disk is full."),
    ((asyncpg.ReadOnlySQLTransactionError,), "PostgreSQL takes no writes: it is read-only."),
    ((asyncpg.TooManyConnectionsError,), "PostgreSQL takes no more connections."),
    ((TimeoutError,), "PostgreSQL does not answer in time."),
    (
        (
            asyncpg.PostgresConnectionError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.CannotConnectNowError,
            OSError,
        ),
        "PostgreSQL cannot be reached.",
    ),
    ((asyncpg.PostgresIOError, asyncpg.InsufficientResourcesError), "PostgreSQL is out of resources."),
)
"""Failures that every workspace has alike, the first that fits, and how they are told to those who operate it."""


def outage(error: Exception) -> str | None:
    """What is wrong with the database as a whole; None: it is something about this transaction."""
    cause = error.__cause__ if isinstance(error, DiptychError) else error
    return next((words for kinds, words in _OUTAGES if isinstance(cause, kinds)), None)


def sentence(error: Exception) -> str:
    """Why an event was refused, for its sender; only what PostgreSQL says of its rules, never of other data."""
    match error:
        case DiptychError():
            return error.message
        case asyncpg.PostgresError():
            return f"The event cannot be stored: {str(error).splitlines()[0]}."
        case _:
            return f"The event cannot be stored ({type(error).__name__})."
