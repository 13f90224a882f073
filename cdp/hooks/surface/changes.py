"""What a plugin is told after a commit, and what it does in its own time."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from cdp.hooks.markers import hookspec
from cdp.model import (
    Job,
    MembershipChange,
    ProcessFacts,
    ProfileChange,
    RoleChange,
    Schedule,
    StageChange,
)


class ChangeHooks(Protocol):
    """Hooks of changes, jobs and the plugin's life."""

    @hookspec
    def on_profile_changed(self, change: ProfileChange) -> None:
        """Be told that a person's identifiers, name or traits changed, or that they turned out to be another one.

        Called after the commit, in a worker, once the person is settled. Rule: told, at least once, each person's
        changes in order; further changes of the same thing that come before you were told are folded into one, from
        the first `before` to the last `after`. Nothing is returned. If it fails, you are told again after 2, 4, 8, …
        seconds, fifteen times at most; then the change is kept as dead, for a person to retry.
        Since 0.2.
        """

    @hookspec
    def on_membership_changed(self, change: MembershipChange) -> None:
        """Be told that a person came to an account, left it, or stands differently to it.

        Called after the commit, in a worker, once the person is settled. Rule: told, as `on_profile_changed`. Nothing
        is returned. If it fails, as there.
        Since 0.2.
        """

    @hookspec
    def on_role_changed(self, change: RoleChange) -> None:
        """Be told that a role began, ended, or is believed for other reasons.

        Called after the commit, in a worker, once the roles of the person are resolved. Rule: told, as
        `on_profile_changed`. Nothing is returned. If it fails, as there.
        Since 0.2.
        """

    @hookspec
    def on_stage_changed(self, change: StageChange) -> None:
        """Be told that a person moved along a journey: stage or level of buying, phase of usage.

        Called after the commit, in a worker, once the person is settled; a step that time alone makes (a score that
        fades, a user who goes dormant) is noticed within about an hour. Rule: told, as `on_profile_changed`.
        `change.labels` says which panel it is from: show it to nobody who may not see that. Nothing is returned. If it
        fails, as there.
        Since 0.2.
        """

    @hookspec
    def register_jobs(self) -> list[Job]:
        """Offer background work that administrators, schedules and the plugin itself can start.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected; two jobs of one plugin have two
        names. Return the jobs; a job's function is called in a worker, with retries, progress and cancelling. If it
        fails, the plugin is not loaded.
        Since 0.2.
        """

    @hookspec
    def register_schedules(self) -> list[Schedule]:
        """Start jobs by the clock, in every workspace where the plugin is on.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected; each tick starts one job, however
        many processes there are. Return the schedules. If it fails, or an expression cannot be read, the plugin is not
        loaded.
        Since 0.2.
        """

    @hookspec
    def register_migrations(self) -> list[Path]:
        """Bring tables of the plugin's own: files of SQL, applied in the order of their names.

        Called once, when the plugin is loaded; may not be `async`. Rule: collected. Return the files; `cdp tables`
        applies them, as an own database role, in the schema `plugin_<name>`, and binds every table to the workspace by
        row-level security. Hooks and jobs that name an argument `tables` may use them. If it fails, the plugin is not
        loaded; where a file cannot be applied, nothing of it is.
        Since 0.2.
        """

    @hookspec
    def on_start(self, process: ProcessFacts) -> None:
        """Be told that a process that will call the plugin has started.

        Called once in each server and worker, before any other hook that is not a `register_`. Rule: told. Nothing is
        returned. If it fails, that is counted and logged, and the plugin is used all the same.
        Since 0.2.
        """

    @hookspec
    def on_stop(self, process: ProcessFacts) -> None:
        """Be told that the process ends: let go of what you hold.

        Called once, when nothing else is asked any more. A process that is killed cannot say so. Rule: told. Nothing
        is returned. If it fails, or takes longer than the deadline of hooks, the process ends all the same.
        Since 0.2.
        """
