"""Everything that Diptych raises on purpose.

    DiptychError
    ├── BadInput           the caller's data is wrong            400, BAD_USER_INPUT, exit 2
    │   └── TooLarge       … or too large                        413
    ├── Unauthenticated    no key, an unknown or revoked one     401, UNAUTHENTICATED
    ├── Forbidden          a key that may not do this            403, FORBIDDEN
    ├── NotFound           no such thing in this workspace       404, NOT_FOUND
    ├── Conflict           it cannot be done as things stand     409
    ├── Unavailable        try again soon (database, full queue) 503, UNAVAILABLE
    ├── RateLimited        too much at once from this key        429, RATE_LIMITED
    ├── OutboundFailed     a server elsewhere gave no answer     502
    ├── OutboundRefused    where a plugin must not go            403
    ├── Misconfigured      settings, migrations, plugins         exit 1
    └── TablesFailed       a statement on a plugin's own tables failed   the plugin's to handle

Errors are raised low, with one sentence that the caller can act on, and translated once at each edge: GraphQL, HTTP,
command line.
"""

from __future__ import annotations


class DiptychError(Exception):
    """Base of all of them. `message` is one sentence for the caller; it never carries another workspace's data."""

    code = "INTERNAL"

    def __init__(self, message: str, *, code: str | None = None, field: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class BadInput(DiptychError):
    """What the caller sent cannot be used; `field` is the path to it where that is known."""

    code = "BAD_USER_INPUT"


class TooLarge(BadInput):
    """A body, a batch or an event is larger than the limit that the message names."""

    code = "TOO_LARGE"


class Unauthenticated(DiptychError):
    """There is no key, or it is unknown, expired or revoked."""

    code = "UNAUTHENTICATED"
    was_good = False
    """Whether what came was signed by who may: it is over, and nobody is trying keys."""


class Forbidden(DiptychError):
    """The key is good but lacks the scope that the message names."""

    code = "FORBIDDEN"


class NotFound(DiptychError):
    """There is no such object in the caller's workspace."""

    code = "NOT_FOUND"


class Conflict(DiptychError):
    """The request contradicts what is stored, such as merging a profile into itself."""

    code = "CONFLICT"


class Unavailable(DiptychError):
    """Nothing is wrong with the request; try again after `retry_after` seconds."""

    code = "UNAVAILABLE"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(DiptychError):
    """The caller asks, holds or sends more than the limit that the message names; wait `retry_after` seconds."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Misconfigured(DiptychError):
    """The installation is not fit to run; the message says which command or setting mends it."""

    code = "MISCONFIGURED"


class OutboundRefused(DiptychError):
    """A request to elsewhere that is not made: its URL, or an address that it leads to, is not allowed."""

    code = "OUTBOUND_REFUSED"


class OutboundFailed(DiptychError):
    """A request to elsewhere that got no whole answer: the server is down, slow, or says too much.

    Its code is OUTBOUND_UNREACHED where nothing was sent at all.
    """

    code = "OUTBOUND_FAILED"


class TablesFailed(DiptychError):
    """A statement on a plugin's own tables that was refused, or failed; nothing of it was kept."""

    code = "TABLES_FAILED"
