"""Tells channels of Slack, or of anything that takes its webhooks, what changed; and once a week how much.

Each channel says which kinds of change it is told and which panels it may carry: a channel without `intent` never hears
of a buying stage, and one without `pii` calls people by their number. Messages are sentences from templates. The same
thing is told a channel at most once within `quiet_minutes`, and no channel more than `per_minute` messages: what goes
beyond is counted, and the weekly digest says how much that was. It does nothing in a workspace until that turns it on:

    pluginConfigure(input: {plugin: "diptych_notifier", settings: {
      webhooks: "sales https://hooks.slack.com/services/…"
      channels: [{name: "sales", tells: ["ROLE", "STAGE"], carries: ["intent", "pii"]}]}}) { … }
"""

from __future__ import annotations

from pathlib import Path

from cdp.hooks import hookimpl
from cdp.model import (
    Http,
    Job,
    MembershipChange,
    PluginInfo,
    ProcessFacts,
    ProfileChange,
    RoleChange,
    Schedule,
    StageChange,
    Tables,
)
from diptych_notifier import digest, sending
from diptych_notifier.messages import Told
from diptych_notifier.settings import NotifierSettings


@hookimpl
def register_plugin() -> PluginInfo:
    """What administrators read."""
    return PluginInfo(
        summary="Tells channels of Slack what changed, and once a week how much.",
        opt_in=True,
        labels=frozenset({"notifications", "slack"}),
    )


@hookimpl
def register_settings() -> type[NotifierSettings]:
    """What a workspace may set."""
    return NotifierSettings


@hookimpl
def register_migrations() -> list[Path]:
    """What was told to which channel, and how much a week."""
    return sorted((Path(__file__).parent / "sql").glob("*.sql"))


@hookimpl
def register_jobs() -> list[Job]:
    """The digest, also by hand."""
    return [
        Job(
            name="notifier_digest",
            description="Tells every channel how much changed within the week before.",
            run=digest.send,
        )
    ]


@hookimpl
def register_schedules() -> list[Schedule]:
    """Monday morning; a worker that was away then makes up for it once."""
    return [Schedule(name="notifier_mondays", job="notifier_digest", cron="0 7 * * MON")]


@hookimpl
def on_start(process: ProcessFacts) -> None:
    """From now on messages say which version sends them."""
    sending.begin(process.version)


@hookimpl
def on_stop() -> None:
    """What is still to be told is left to another process."""
    sending.end()


@hookimpl
async def on_profile_changed(
    change: ProfileChange, settings: NotifierSettings, http: Http, tables: Tables
) -> None:
    """Somebody new, or somebody who turned out to be another."""
    await sending.tell(Told.of_profile(change), settings, http, tables)


@hookimpl
async def on_membership_changed(
    change: MembershipChange, settings: NotifierSettings, http: Http, tables: Tables
) -> None:
    """Somebody came to an account, or left it."""
    await sending.tell(Told.of_membership(change), settings, http, tables)


@hookimpl
async def on_role_changed(change: RoleChange, settings: NotifierSettings, http: Http, tables: Tables) -> None:
    """A role began or ended."""
    await sending.tell(Told.of_role(change), settings, http, tables)


@hookimpl
async def on_stage_changed(
    change: StageChange, settings: NotifierSettings, http: Http, tables: Tables
) -> None:
    """Somebody moved along a journey."""
    await sending.tell(Told.of_stage(change), settings, http, tables)
