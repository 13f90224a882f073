"""What plugins register once, when they are loaded: its type, its name, and what makes it unfit.

A hook `register_…` has a row in `REGISTERS`; what its implementations return is collected by `Plugins` and answered by
`Plugins.registered(hook)`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from cronsim import CronSim, CronSimError
from msgspec import Struct

from cdp.errors import Misconfigured
from cdp.hooks import additions
from cdp.hooks.offers import OFFERED
from cdp.hooks.providers import check_provider
from cdp.hooks.shapes import camel
from cdp.model import (
    CatalogueEntry,
    Command,
    GraphField,
    GraphMutation,
    GraphQuery,
    IdentifierKind,
    IdentityRule,
    Job,
    Provider,
    RoleKind,
    Route,
    Schedule,
)


class Register(Struct, frozen=True, kw_only=True):
    """One hook `register_…`."""

    kind: type
    """Of each item that it returns."""
    what: str
    """What an item is called in messages, such as `role`."""
    name: Callable[[Any], str] | None = None
    """The name of an item, by which two are the same thing; None: items may be alike."""
    check: Callable[[Any], None] | None = None
    """Raises Misconfigured, whose sentence begins with a small letter, where an item cannot be used."""


_WORK_NAME = re.compile(r"[a-z][a-z0-9_]{1,63}")
_ROLE_NAME = re.compile(r"[A-Z][A-Z0-9_]{1,63}")


def _check_role(role: RoleKind) -> None:
    if _ROLE_NAME.fullmatch(str(role.name)) is None:
        raise Misconfigured(f"{role.name!r} cannot be a role; write it like LEGAL_AND_COMPLIANCE.")


def _check_identifier_kind(kind: IdentifierKind) -> None:
    if not callable(kind.normalise):
        raise Misconfigured(f"the identifier kind {kind.name!r} is not complete.")


def _check_job(job: Job) -> None:
    if _WORK_NAME.fullmatch(str(job.name)) is None:
        raise Misconfigured(f"{job.name!r} cannot be a job; write it like weekly_digest.")
    if job.attempts < 1 or job.timeout <= 0 or not callable(job.run):
        raise Misconfigured(f"the job {job.name} is not complete.")
    for parameter in inspect.signature(job.run).parameters.values():
        if parameter.name not in {"job", "input", *OFFERED} and parameter.default is parameter.empty:
            raise Misconfigured(
                f"the job {job.name} has an argument {parameter.name!r}, which nothing is given for."
            )


def _check_schedule(schedule: Schedule) -> None:
    if _WORK_NAME.fullmatch(str(schedule.name)) is None:
        raise Misconfigured(f"{schedule.name!r} cannot be a schedule; write it like every_monday.")
    try:
        CronSim(schedule.cron, datetime.now(ZoneInfo(schedule.time_zone)))
    except (CronSimError, ZoneInfoNotFoundError, ValueError) as error:
        raise Misconfigured(
            f"the schedule {schedule.name} cannot be read ({error}); write it like '0 9 * * MON' and 'Europe/Zurich'."
        ) from None


def _check_migration(file: Path) -> None:
    if file.suffix != ".sql" or not file.is_file():
        raise Misconfigured(f"{file} is no file of SQL.")


def _check_identity_rule(rule: IdentityRule) -> None:
    try:
        re.compile(rule.pattern)
    except re.error as error:
        raise Misconfigured(f"the pattern of the identity rule {rule.name!r} is none: {error}.") from None
    if not rule.name.strip() or not rule.reason.strip():
        raise Misconfigured(f"the identity rule {rule.name!r} needs a name and a reason.")


def _entry_name(entry: CatalogueEntry) -> str:
    """Entries of one event and the same conditions are the same thing."""
    conditions = sorted(msgspec.json.encode(one, order="sorted").decode() for one in entry.conditions)
    return " where ".join([entry.event.strip().casefold(), *conditions])


REGISTERS: Mapping[str, Register] = MappingProxyType(
    {
        "register_identifier_kinds": Register(
            kind=IdentifierKind,
            what="identifier kind",
            name=lambda kind: kind.name,
            check=_check_identifier_kind,
        ),
        "register_providers": Register(
            kind=Provider, what="provider", name=lambda provider: provider.name, check=check_provider
        ),
        "register_roles": Register(
            kind=RoleKind, what="role", name=lambda role: role.name, check=_check_role
        ),
        "register_catalogue": Register(kind=CatalogueEntry, what="catalogue entry", name=_entry_name),
        "register_identity_rules": Register(
            kind=IdentityRule,
            what="identity rule",
            name=lambda rule: rule.name,
            check=_check_identity_rule,
        ),
        "register_jobs": Register(kind=Job, what="job", name=lambda job: job.name, check=_check_job),
        "register_schedules": Register(
            kind=Schedule, what="schedule", name=lambda schedule: schedule.name, check=_check_schedule
        ),
        "register_fields": Register(
            kind=GraphField,
            what="field",
            name=lambda field: f"{field.on}.{camel(field.name)}",
            check=additions.check_field,
        ),
        "register_queries": Register(
            kind=GraphQuery,
            what="query",
            name=lambda query: camel(query.name),
            check=additions.check_query,
        ),
        "register_mutations": Register(
            kind=GraphMutation,
            what="mutation",
            name=lambda mutation: camel(mutation.name),
            check=additions.check_mutation,
        ),
        "register_routes": Register(kind=Route, what="route", check=additions.check_route),
        "register_commands": Register(kind=Command, what="command", check=additions.check_command),
        "register_migrations": Register(kind=Path, what="migration", check=_check_migration),
    }
)
"""Every `register_` hook but those about the plugin itself. Add yours here."""
