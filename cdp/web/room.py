"""Room for requests: how many bytes of bodies a process holds at once, and how much of that one workspace has.

Whatever is offered, no more is held: who finds no room is told so before the body is read. A workspace may hold as much
as is free beyond it (the dynamic threshold that switches use for their buffers: Choudhury and Hahne, IEEE/ACM Trans. on
Networking, 1998), so that one which floods leaves half of the room to others, and two leave a third.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdp.errors import Unavailable
from cdp.model import WorkspaceId
from cdp.telemetry import count
from cdp.web.answers import error_answer

REQUEST_BYTES = 8 * 1024
"""What a request holds besides its body, about."""

PIECE_BYTES = 16 * 1024
"""Steps in which room is made for a body for which none was reserved, as it comes."""

STRANGERS = WorkspaceId(0)
"""Who brings the key in the body, which is read before anybody knows whose it is; all together have one share."""

READERS = WorkspaceId(-1)
"""Who asks of anything but the tracking API; all together have one share."""

_NO_ROOM = "The server holds as many requests as it can; try again in a moment."
_OWN_SHARE = "This workspace has as many requests under way as it may; try again in a moment."

_TRACKING = "/v1/"
_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})


class Room:
    """The bytes of one process."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used = 0
        self._held: dict[WorkspaceId, int] = {}

    @property
    def used(self) -> int:
        """Bytes that requests hold now."""
        return self._used

    def enter(self, workspace_id: WorkspaceId | None = None) -> Stay:
        """Room for a request, without its body; None: it is not known yet whose it is.

        Raises:
            Unavailable: there is none.
        """
        stay = Stay(self, workspace_id)
        stay.grow(REQUEST_BYTES)
        return stay

    def _take(self, size: int, workspace_id: WorkspaceId | None) -> None:
        if self._used + size > self._capacity:
            count("request.shed", "full")
            raise Unavailable(_NO_ROOM)
        self._used += size
        if workspace_id is None:
            return
        try:
            self._assign(size, workspace_id)
        except Unavailable:
            self._used -= size
            raise

    def _assign(self, size: int, workspace_id: WorkspaceId) -> None:
        """Count bytes that are in use already as a workspace's."""
        held = self._held.get(workspace_id, 0)
        if held and held + size > self._capacity - self._used:
            count("request.shed", "share")
            raise Unavailable(_OWN_SHARE)
        self._held[workspace_id] = held + size

    def _free(self, size: int, workspace_id: WorkspaceId | None) -> None:
        self._used -= size
        self._unassign(size, workspace_id)

    def _unassign(self, size: int, workspace_id: WorkspaceId | None) -> None:
        if workspace_id is None:
            return
        held = self._held.get(workspace_id, 0) - size
        if held:
            self._held[workspace_id] = held
        else:
            self._held.pop(workspace_id, None)


class Stay:
    """What one request holds."""

    __slots__ = ("_expected", "_room", "_size", "_workspace_id")

    def __init__(self, room: Room, workspace_id: WorkspaceId | None) -> None:
        self._room = room
        self._size = 0
        self._expected = 0
        self._workspace_id = workspace_id

    def grow(self, size: int) -> None:
        """Hold more.

        Raises:
            Unavailable: there is no room.
        """
        self._room._take(size, self._workspace_id)  # noqa: SLF001 - one thing in two classes
        self._size += size

    def belong_to(self, workspace_id: WorkspaceId) -> None:
        """Say whose request it is.

        Raises:
            Unavailable: the workspace has its share.
        """
        if workspace_id != self._workspace_id:
            self._room._assign(self._size, workspace_id)  # noqa: SLF001
            self._room._unassign(self._size, self._workspace_id)  # noqa: SLF001
            self._workspace_id = workspace_id

    def expect(self, size: int) -> None:
        """Make room for a body of so many bytes before it is read.

        Raises:
            Unavailable: there is none.
        """
        self.grow(size)
        self._expected += size

    def read(self, size: int) -> None:
        """So many bytes of the body have come.

        Raises:
            Unavailable: there is no room for them, and was none reserved.
        """
        self._expected -= size
        while self._expected < 0:
            self.grow(PIECE_BYTES)
            self._expected += PIECE_BYTES

    def leave(self) -> None:
        """Hold nothing any more."""
        self._room._free(self._size, self._workspace_id)  # noqa: SLF001
        self._size = 0


class Doorkeeper:
    """Lets requests in as long as there is room; `stay_of` finds what a request holds."""

    def __init__(self, app: ASGIApp, *, room: Room) -> None:
        self._app = app
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; sockets and questions about health always find room."""
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        try:
            stay = self._room.enter(None if scope["path"].startswith(_TRACKING) else READERS)
        except Unavailable as error:
            answer = error_answer(error)
            # A web page may not read an answer that does not say so, not even when to come again.
            answer.headers["Access-Control-Allow-Origin"] = "*"
            await answer(scope, receive, send)
            return

        async def measured() -> Message:
            message = await receive()
            if body := message.get("body"):
                stay.read(len(body))
            return message

        scope["cdp.stay"] = stay
        try:
            await self._app(scope, measured, send)
        finally:
            stay.leave()


def stay_of(scope: Scope) -> Stay | None:
    """What the request holds; None: nobody counts."""
    stay: Stay | None = scope.get("cdp.stay")
    return stay
