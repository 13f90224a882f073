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


def sentence(error: Exception) -> str:
    """Why an event was refused, for its sender; only what PostgreSQL says of its rules, never of other data."""
    match error:
        case DiptychError():
            return error.message
        case asyncpg.PostgresError():
            return f"The event cannot be stored: {str(error).splitlines()[0]}."
        case _:
            return f"The event cannot be stored ({type(error).__name__})."
