"""`cdp enrich`: budgets, backfills and what was spent; the same as in GraphQL, from a command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec

from cdp.access.principals import operator
from cdp.cli.application import application_of
from cdp.cli.logs import configure_logging
from cdp.cli.options import database_options, plugins_option, run_async, settings_of
from cdp.errors import BadInput
from cdp.settings import Settings
from cdp.workspaces import store

_workspace = click.option("--workspace", metavar="NAME", required=True, help="Whose.")
_DAY = click.DateTime(["%Y-%m-%d"])

_BACKFILL = "id subject total done finishedAt cancelledAt costs { currency amount }"
_START = f"""
mutation ($input: EnrichmentBackfillStartInput!) {{
  enrichmentBackfillStart(input: $input) {{
    backfill {{ {_BACKFILL} }}
    estimate {{ subjects estimatedFrom providers {{ provider currency calls mostCalls cost mostCost }} }}
    userErrors {{ field message }}
  }}
}}"""
_CANCEL = f"""
mutation ($input: EnrichmentBackfillCancelInput!) {{
  enrichmentBackfillCancel(input: $input) {{ backfill {{ {_BACKFILL} }} userErrors {{ field message }} }}
}}"""
_PROGRESS = f"{{ enrichmentBackfills {{ {_BACKFILL} }} }}"
_REPORT = """
query ($since: Date, $until: Date) {
  enrichmentReport(since: $since, until: $until) {
    provider currency calls hits misses failures cached hitRate spent
  }
}"""
_BUDGETS = "{ enrichmentSettings { confidence fields budgets { currency perDay perSubject spentToday } } }"
_SET = """
mutation ($input: EnrichmentSettingsUpdateInput!) {
  enrichmentSettingsUpdate(input: $input) { settings { confidence } userErrors { field message } }
}"""


@click.group(name="enrich", epilog="Example: cdp enrich report --data ./data --workspace acme")
def enrich() -> None:
    """Say what enrichment may spend, enrich everybody who meets a filter, see what was spent."""


@enrich.command(epilog="Example: cdp enrich start --data ./data --workspace acme --people '{}' --dry-run")
@database_options
@plugins_option
@_workspace
@click.option("--people", metavar="FILTER", help="People to enrich, as the JSON of a ProfileFilter; {}: all.")
@click.option("--accounts", metavar="FILTER", help="Accounts to enrich, as the JSON of an AccountFilter.")
@click.option("--dry-run", is_flag=True, help="Say only what it would ask and cost.")
def start(
    *,
    data: Path | None,
    database_url: str | None,
    plugins_dir: Path | None,
    workspace: str,
    people: str | None,
    accounts: str | None,
    dry_run: bool,
) -> None:
    """Enrich people or accounts in the background, behind those that are touched meanwhile."""
    if (people is None) == (accounts is None):
        raise click.UsageError("Give --people or --accounts; '{}' means all of them.")
    given: dict[str, Any] = {"subject": "PERSON" if accounts is None else "ACCOUNT", "dryRun": dry_run}
    if people is not None:
        given["people"] = _filter("--people", people)
    if accounts is not None:
        given["accounts"] = _filter("--accounts", accounts)
    settings = settings_of(data, database_url, plugins_dir=plugins_dir)
    answer = _mutate(settings, workspace, _START, given)
    if answer["estimate"] is not None:
        _show_estimate(answer["estimate"])
    else:
        click.echo(_line(answer["backfill"]))


@enrich.command(epilog="Example: cdp enrich progress --data ./data --workspace acme")
@database_options
@_workspace
def progress(*, data: Path | None, database_url: str | None, workspace: str) -> None:
    """List the latest backfills, with how far they are and what they have cost."""
    for one in _ask(settings_of(data, database_url), workspace, _PROGRESS, {})["enrichmentBackfills"]:
        click.echo(_line(one))


@enrich.command(epilog="Example: cdp enrich cancel RW5… --data ./data --workspace acme")
@database_options
@_workspace
@click.argument("id_", metavar="ID")
def cancel(*, data: Path | None, database_url: str | None, workspace: str, id_: str) -> None:
    """Let a backfill go no further; what was found and paid stays."""
    click.echo(_line(_mutate(settings_of(data, database_url), workspace, _CANCEL, {"id": id_})["backfill"]))


@enrich.command(epilog="Example: cdp enrich report --data ./data --workspace acme --since 2026-01-01")
@database_options
@_workspace
@click.option("--since", type=_DAY, help="The first day (UTC); else 29 days before the last.")
@click.option("--until", type=_DAY, help="The last day (UTC); else today.")
def report(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Say what each provider was asked, how often it knew something, and what it was paid."""
    days = {"since": _day(since), "until": _day(until)}
    rows = _ask(settings_of(data, database_url), workspace, _REPORT, days)["enrichmentReport"]
    for row in rows:
        rate = "–" if row["hitRate"] is None else f"{row['hitRate']:.0%}"
        click.echo(
            f"{row['provider']}  {row['calls']} calls, {row['hits']} hits, {row['misses']} misses, "
            f"{row['failures']} failures, {row['cached']} cached, hit rate {rate}, "
            f"{row['spent']} {row['currency']}"
        )


@enrich.command(
    epilog="Example: cdp enrich budget --data ./data --workspace acme --currency EUR --per-day 20 --per-subject 0.50"
)
@database_options
@_workspace
@click.option("--currency", metavar="CODE", help="ISO 4217.")
@click.option("--per-day", metavar="AMOUNT", help="On everybody, from midnight to midnight UTC; 0: nothing.")
@click.option("--per-subject", metavar="AMOUNT", help="On one person or account in a calendar month.")
def budget(
    *,
    data: Path | None,
    database_url: str | None,
    workspace: str,
    currency: str | None,
    per_day: str | None,
    per_subject: str | None,
) -> None:
    """Say, or set, what may be spent in a currency."""
    settings = settings_of(data, database_url)
    if (currency is None) != (per_day is None):
        raise click.UsageError("Give --currency and --per-day together.")
    held = _ask(settings, workspace, _BUDGETS, {})["enrichmentSettings"]["budgets"]
    if currency is not None:
        kept = [
            {name: one[name] for name in ("currency", "perDay", "perSubject")}
            for one in held
            if one["currency"] != currency
        ]
        kept.append({"currency": currency, "perDay": per_day, "perSubject": per_subject})
        _mutate(settings, workspace, _SET, {"budgets": kept})
        held = _ask(settings, workspace, _BUDGETS, {})["enrichmentSettings"]["budgets"]
    for one in held:
        each = "" if one["perSubject"] is None else f", {one['perSubject']} on each subject a month"
        click.echo(f"{one['currency']}  {one['perDay']} a day{each}; {one['spentToday']} spent today")
    if not held:
        click.echo("No money may be spent: there is no budget.")


def _filter(option: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadInput(f"{option} is no JSON: {error}.") from None


def _day(day: datetime | None) -> str | None:
    return None if day is None else f"{day:%Y-%m-%d}"


def _line(backfill: Mapping[str, Any]) -> str:
    costs = ", ".join(f"{one['amount']} {one['currency']}" for one in backfill["costs"]) or "nothing spent"
    what = "people" if backfill["subject"] == "PERSON" else "accounts"
    state = "cancelled" if backfill["cancelledAt"] else "finished" if backfill["finishedAt"] else "going on"
    return f"{backfill['id']}  {backfill['done']} of {backfill['total']} {what}, {costs}, {state}"


def _show_estimate(estimate: Mapping[str, Any]) -> None:
    click.echo(f"{estimate['subjects']} match.")
    totals: dict[str, list[Decimal]] = {}
    for one in estimate["providers"]:
        cost, most = Decimal(one["cost"]), Decimal(one["mostCost"])
        click.echo(
            f"{one['provider']}  {one['calls']} to {one['mostCalls']} calls, "
            f"{cost:f} to {most:f} {one['currency']}"
        )
        total = totals.setdefault(one["currency"], [Decimal(0), Decimal(0)])
        total[0] += cost
        total[1] += most
    for currency, (cost, most) in sorted(totals.items()):
        if most:
            click.echo(f"together  {cost:f} to {most:f} {currency}")
    if estimate["estimatedFrom"] < estimate["subjects"]:
        click.echo(
            f"Computed from the first {estimate['estimatedFrom']}; the others are taken to be like them."
        )


def _mutate(settings: Settings, workspace: str, document: str, given: Mapping[str, Any]) -> Any:
    (payload,) = _ask(settings, workspace, document, {"input": dict(given)}).values()
    for error in payload["userErrors"]:
        raise BadInput(f"{'.'.join(error['field'][1:]) or 'input'}: {error['message']}")
    return payload


def _ask(settings: Settings, workspace: str, document: str, variables: Mapping[str, Any]) -> Any:
    configure_logging(replace(settings, log_level="error"))
    return run_async(_answer(settings, workspace, document, dict(variables)))


async def _answer(settings: Settings, workspace: str, document: str, variables: dict[str, Any]) -> Any:
    """The data of a GraphQL document, asked as an administrator of the workspace.

    Raises:
        BadInput: the first error of the answer.
    """
    # Here, because it takes a while: `cdp --help` need not wait for it.
    from cdp.graphql.context import Context  # noqa: PLC0415
    from cdp.graphql.schema import build_schema  # noqa: PLC0415
    from cdp.identity.kinds import make_kinds  # noqa: PLC0415

    async with application_of(settings) as application:
        asking = operator(await store.by_name(application.database, workspace))
        context = Context(
            services=application,
            principal=asking,
            as_of=application.clock(),
            kinds=make_kinds(*application.plugins.identifier_kinds()),
        )
        result = await build_schema(application.plugins).execute(document, variables, context_value=context)
    if result.errors:
        raise BadInput(result.errors[0].message)
    return msgspec.json.decode(msgspec.json.encode(result.data))
