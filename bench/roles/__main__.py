"""Role resolution scored on the demo's b2b data, whose `buyer_role` is withheld from it.

    python -m bench.roles --quick
    python -m bench.roles --json roles.json

Each run imports the data into a database of its own through the ordinary path, settles it, and compares the roles that
people then hold in their accounts with the answer. docs/roles.md says how to read the figures.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from bench.figures import arguments, save, show
from bench.roles.scoring import ANSWERS, Score, agreement, score
from cdp.app import Application
from cdp.db import migrate
from cdp.db.embedded import EmbeddedPostgres
from cdp.db.queries import load_queries
from cdp.demo.load import B2B, load
from cdp.demo.tables import read
from cdp.settings import Settings
from cdp.workspaces import store

_SQL = load_queries("bench.roles", "roles.sql")

SURE = 0.6
"""Confidence from which a claim counts in the right half of the tables."""

Claims = Mapping[str, Mapping[str, float]]


async def main() -> None:
    options = arguments("Role resolution against a withheld answer.")
    answers = {row["contact_id"]: row["buyer_role"] for row in read("b2b/contacts")}
    everyone = {person: dict.fromkeys(ANSWERS.values(), 1.0) for person in answers}
    runs: dict[str, Claims] = {
        "baseline: everybody holds every role": everyone,
        "CRM and web facts with job titles": await _claims(simulated=False),
    }
    if not options.quick:
        runs["the same without titles: behaviour alone"] = await _claims(
            simulated=False, withheld=("title", "seniority")
        )
        runs["the demo: with titles and simulated usage"] = await _claims(simulated=True)
    figures = {}
    for title, claims in runs.items():
        scores, sure = score(answers, claims), score(answers, claims, least=SURE)
        show(
            f"{title} (most confident role is the answer: {agreement(answers, claims):.2f})",
            (
                "role",
                "holders",
                "claimed",
                "precision",
                "recall",
                "F1",
                "surely",
                "precision",
                "recall",
                "F1",
            ),
            [
                (one.role, f"{one.holders:,}", *_cells(one), *_cells(two))
                for one, two in zip(scores, sure, strict=True)
            ],
        )
        figures[title] = {
            "agreement": agreement(answers, claims),
            "any": [_figures(one) for one in scores],
            "sure": [_figures(one) for one in sure],
        }
    save(options.json, figures)


def _cells(one: Score) -> tuple[str, ...]:
    return f"{one.claimed:,}", f"{one.precision:.2f}", f"{one.recall:.2f}", f"{one.f1:.2f}"


def _figures(one: Score) -> dict[str, float | str]:
    return {**one._asdict(), "precision": one.precision, "recall": one.recall, "f1": one.f1}


async def _claims(*, simulated: bool, withheld: tuple[str, ...] = ()) -> Claims:
    """Person → role → confidence, after the data was imported and settled."""
    with EmbeddedPostgres.start() as postgres:
        await migrate.apply(postgres.owner_url)
        settings = replace(Settings(), database_url=postgres.app_url, plugins_dir=None)
        async with Application.open(settings) as application:
            await load(application, _quietly, names=(B2B,), simulated=simulated, withheld=withheld)
            workspace_id = await store.by_name(application.database, B2B)
            async with application.database.connection(workspace_id) as connection:
                rows = await connection.fetch(_SQL.claims, workspace_id)
    claims: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        roles = claims[row["user_id"]]
        roles[row["role"]] = max(row["confidence"], roles.get(row["role"], 0.0))
    return claims


def _quietly(what: str, done: int, total: int) -> None:
    """Nobody watches."""


asyncio.run(main())
