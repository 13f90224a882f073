"""The formulas of the panels in SQL give what the pure functions give."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.db.pool import Database
from cdp.graphql import facts
from cdp.lenses import phases
from cdp.model import Feature, Workspace, WorkspaceId, WorkspaceSettings
from cdp.plan.moment import Moment
from cdp.plan.statement import Scope, Statement

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FEATURES = ("a", "b", "c", "d")

moments = st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2026, 3, 1, 12)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)
rows = st.fixed_dictionaries(
    {
        "used_days": st.lists(st.dates(date(2026, 1, 15), date(2026, 3, 1)), max_size=40, unique=True).map(
            sorted
        ),
        "feature_last": st.dictionaries(st.sampled_from([*FEATURES, "other"]), moments),
        "activated_at": st.none() | moments,
        "last_used_at": st.none() | moments | st.just(NOW - timedelta(days=28)),
        "intent_rank": st.just(0.0) | st.floats(0, 1e6),
        "influence_rank": st.just(0.0) | st.floats(0, 1e4),
    }
)
settings_of = st.builds(
    WorkspaceSettings,
    half_life_days=st.sampled_from([3.0, 14.0, 365.0]),
    dormant_days=st.integers(1, 60),
    habitual_days=st.integers(1, 30),
    adopting_features=st.integers(1, 5),
    window_days=st.integers(1, 60),
    qualified_adoption=st.sampled_from([0.25, 0.5, 1.0]),
)


class Reader:
    """Evaluates the formulas over one row that is made up."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def read(self, row: dict[str, Any], workspace: Workspace, window: int) -> dict[str, Any]:
        statement = Statement()
        scope = Scope(statement, {"row": "m", "window": str(window), **facts.FIGURES})
        formulas = {
            "score": facts.SCORE,
            "level": facts.LEVEL,
            "active_days": "{active_days}",
            "adoption": facts.ADOPTION,
            "phase": facts.PHASE,
            "influence": facts.INFLUENCE,
            "qualified": facts.QUALIFIED,
        }
        columns = ", ".join(f"{scope.sql(sql)} AS {name}" for name, sql in formulas.items())
        moment = Moment(workspace=workspace, as_of=NOW, normalise=lambda *_: None)
        types = {"used_days": "date[]", "feature_last": "jsonb", "activated_at": "timestamptz",
                 "last_used_at": "timestamptz", "intent_rank": "float8", "influence_rank": "float8"}  # fmt: skip
        given = row | {
            "feature_last": json.dumps({key: last.isoformat() for key, last in row["feature_last"].items()})
        }
        source = ", ".join(
            f"{statement.constant(given[name], sql_type)} AS {name}" for name, sql_type in types.items()
        )
        sql, used = statement.close(f"SELECT {columns} FROM (SELECT {source}) m")
        values = [statement.parameters[index].read({}, moment) for index in used]
        return dict(await self._connection.fetchrow(sql, *values))


@pytest.fixture
async def reader(database: Database, workspace: WorkspaceId) -> Any:
    async with database.connection(workspace) as connection:
        yield Reader(connection)


async def test_sql_and_python_agree(reader: Reader) -> None:
    """For any row and any settings, on every figure that has both forms."""
    examples: list[tuple[dict[str, Any], WorkspaceSettings]] = []

    @given(row=rows, chosen=settings_of)
    @settings(max_examples=150, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def collect(row: dict[str, Any], chosen: WorkspaceSettings) -> None:
        examples.append((row, chosen))

    collect()
    for row, chosen in examples:
        workspace = Workspace(
            workspace_id=WorkspaceId(1),
            name="Acme",
            version=1,
            epoch=NOW - timedelta(days=20),
            settings=chosen,
            entries=(),
            features=tuple(Feature(key=key, name=key) for key in FEATURES),
        )
        found = await reader.read(row, workspace, chosen.window_days)
        assert found == expected(row, workspace), (row, chosen)


def expected(row: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    chosen = workspace.settings
    decay = phases.decay(epoch=workspace.epoch, half_life_days=chosen.half_life_days, as_of=NOW)
    window = {"as_of": NOW, "window_days": chosen.window_days}
    exact = row["intent_rank"] * decay
    adoption = phases.adoption_rate(row["feature_last"], FEATURES, **window)
    phase = phases.phase(
        used_days=row["used_days"],
        feature_last=row["feature_last"],
        activated_at=row["activated_at"],
        last_used_at=row["last_used_at"],
        settings=chosen,
        as_of=NOW,
    )
    return {
        "score": pytest.approx(round(exact, 6), abs=1.1e-6, rel=1e-12),
        "level": phases.level(exact, chosen),
        "active_days": phases.active_days(row["used_days"], **window),
        "adoption": adoption,
        "phase": phase,
        "influence": pytest.approx(phases.influence(row["influence_rank"] * decay), abs=1.1e-6),
        "qualified": phases.product_qualified(adoption=adoption, phase=phase, score=exact, settings=chosen),
    }
