"""Sending messages: each thing once, not too often, and again where it did not arrive."""

from __future__ import annotations

import asyncio
import threading

from cdp.errors import OutboundFailed
from cdp.model import Http, Tables
from diptych_notifier.messages import Told
from diptych_notifier.settings import Channel, NotifierSettings

_stopping = threading.Event()
_sender = {"user-agent": "diptych-notifier"}

# The row is there before the message is sent, and says afterwards that it was: told again after a failure or a crash,
# it passes as long as it was not sent; after that, the same thing does not before its time.
_CLAIM = """
INSERT INTO message AS m (channel, subject, delivery_id) VALUES ($1, $2, $3)
ON CONFLICT (workspace_id, channel, subject) DO UPDATE
SET delivery_id = excluded.delivery_id, sent = false, at = now()
WHERE NOT m.sent OR m.at <= now() - make_interval(mins => $4)
RETURNING 1 AS claimed
"""
_SEEN = "SELECT 1 AS seen FROM message WHERE channel = $1 AND subject = $2 AND delivery_id = $3 AND sent"
_LATELY = "SELECT count(*) AS times FROM message WHERE channel = $1 AND at > now() - interval '1 minute'"
_SENT = "UPDATE message SET sent = true, at = now() WHERE channel = $1 AND subject = $2 AND delivery_id = $3"
_COUNT = """
INSERT INTO tally AS t (channel, kind, day, sent, kept_back) VALUES ($1, $2, current_date, $3, $4)
ON CONFLICT (workspace_id, channel, kind, day) DO UPDATE
SET sent = t.sent + excluded.sent, kept_back = t.kept_back + excluded.kept_back
"""


class NotSent(Exception):
    """A message did not arrive; it is sent again. The text never holds the URL, which is a secret."""


def begin(version: str) -> None:
    """The process has started."""
    _stopping.clear()
    _sender["user-agent"] = f"diptych-notifier/{version}"


def end() -> None:
    """The process ends: what is still to be told is another's."""
    _stopping.set()


async def tell(told: Told, settings: NotifierSettings, http: Http, tables: Tables) -> None:
    """Tell every channel that wants to know and may.

    Raises:
        NotSent: a channel did not take it; those that did are not told twice.
    """
    channels = [channel for channel in settings.channels if told.is_for(channel)]
    ends = await asyncio.gather(
        *(_tell(told, one, settings, http, tables) for one in channels), return_exceptions=True
    )
    failed = [end for end in ends if end is not None]
    for end in failed:
        if not isinstance(end, NotSent):
            raise end
    if failed:
        raise NotSent("; ".join(map(str, failed)))


async def post(channel: Channel, text: str, settings: NotifierSettings, http: Http) -> None:
    """Put a text into a channel.

    Raises:
        NotSent: it did not arrive.
    """
    if _stopping.is_set():
        raise NotSent("this process is stopping")
    url = settings.url_of(channel.name)
    if url is None:
        raise NotSent(f"{channel.name}: the setting `webhooks` has no line for it")
    try:
        answer = await http.post(url, json={"text": text}, headers=_sender, timeout=1.5)
    except OutboundFailed as error:
        raise NotSent(f"{channel.name}: {error.message}") from None
    if not answer.ok:
        raise NotSent(f"{channel.name}: it answered {answer.status}")


async def _tell(told: Told, channel: Channel, settings: NotifierSettings, http: Http, tables: Tables) -> None:
    subject = f"{told.person.profile_id}:{told.kind}:{told.subject}"
    if await tables.fetch(_SEEN, channel.name, subject, told.delivery_id):
        return
    (lately,) = await tables.fetch(_LATELY, channel.name)
    claimed = lately["times"] < settings.per_minute and await tables.fetch(
        _CLAIM, channel.name, subject, told.delivery_id, settings.quiet_minutes
    )
    if not claimed:
        await tables.execute(_COUNT, channel.name, told.kind, 0, 1)
        return
    await post(channel, told.text(channel), settings, http)
    await tables.execute(_SENT, channel.name, subject, told.delivery_id)
    await tables.execute(_COUNT, channel.name, told.kind, 1, 0)
