"""Once a week: how much there was to tell each channel, and how much of it was kept back."""

from __future__ import annotations

from datetime import timedelta

from cdp.model import Http, JobRun, Tables
from diptych_notifier.messages import escaped
from diptych_notifier.sending import post
from diptych_notifier.settings import Kind, NotifierSettings

_WEEK = """
SELECT channel, kind, sum(sent)::bigint AS sent, sum(kept_back)::bigint AS kept_back
FROM tally WHERE day >= $1 AND day < $2
GROUP BY channel, kind ORDER BY channel, kind
"""
_DIGESTED = "SELECT 1 AS digested FROM digest WHERE channel = $1 AND week = $2"
_DIGEST = "INSERT INTO digest (channel, week) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_FORGET_MESSAGES = "DELETE FROM message WHERE at < $1"
_FORGET_DAYS = ("DELETE FROM tally WHERE day < $1", "DELETE FROM digest WHERE week < $1")
_KEPT = timedelta(days=60)

_NAMES = {
    Kind.PROFILE: "people who are new or turned out to be known",
    Kind.MEMBERSHIP: "comings and goings",
    Kind.ROLE: "roles that began or ended",
    Kind.STAGE: "moves along a journey",
}


async def send(job: JobRun, settings: NotifierSettings, http: Http, tables: Tables) -> dict[str, int]:
    """Tell each channel; one that was told of this week already is left out, so that it bears being repeated."""
    until = job.due_at.date()
    since = until - timedelta(days=7)
    rows = await tables.fetch(_WEEK, since, until)
    told = 0
    channels = settings.channels if settings.digest else ()
    for done, channel in enumerate(channels, start=1):
        mine = [row for row in rows if row["channel"] == channel.name]
        if mine and not await tables.fetch(_DIGESTED, channel.name, until):
            lines = [
                f"• {_NAMES[Kind(row['kind'])]}: {row['sent'] + row['kept_back']}"
                + (f", {row['kept_back']} of them not told here" if row["kept_back"] else "")
                for row in mine
            ]
            await post(channel, escaped("\n".join([f"The week before {until}:", *lines])), settings, http)
            await tables.execute(_DIGEST, channel.name, until)
            told += 1
        job.progress(done, len(channels), channel.name)
    await tables.execute(_FORGET_MESSAGES, job.due_at - _KEPT)
    for statement in _FORGET_DAYS:
        await tables.execute(statement, until - _KEPT)
    return {"channels": told}
