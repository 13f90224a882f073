"""Whether people's data may be used for personalisation; asked before anything about them is looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from cdp.db.pool import Connection
from cdp.hooks.manager import Plugins
from cdp.model import ProfileId, Workspace


class Answer(Struct, frozen=True, kw_only=True):
    """Whether, and why."""

    allowed: bool
    reason: str


_NOBODY_OBJECTS = Answer(allowed=True, reason="Nothing says otherwise.")


async def consents(
    _connection: Connection,
    _workspace: Workspace,
    _plugins: Plugins,
    profile_ids: Sequence[ProfileId],
    _as_of: datetime,
) -> Mapping[ProfileId, Answer]:
    """Of each of these people."""
    return dict.fromkeys(profile_ids, _NOBODY_OBJECTS)
