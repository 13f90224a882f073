"""The examples of docs/hooks.md on the way of an event do what is written beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cdp.db.pool import Database
from cdp.hooks.loading import in_folder
from cdp.hooks.manager import Plugins
from cdp.ingest.decode import batch_of
from cdp.model import WorkspaceId
from tests.ingest.parts import open_ingest

TEXT = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")

EVENTS = "SELECT e.name, e.properties->>$2 FROM event e WHERE e.workspace_id = $1"
REFUSED_LINKS = "SELECT reason, $2 FROM link WHERE workspace_id = $1 AND state = 'REFUSED'"
ACCOUNTS = "SELECT group_id, $2 FROM account WHERE workspace_id = $1"
TALLIES = "SELECT key, kind FROM summary_tally WHERE workspace_id = $1 AND kind = $2"


@pytest.fixture
def place(database: Database, workspace: WorkspaceId, tmp_path: Path) -> tuple[Database, WorkspaceId, Path]:
    """Where events go, and where plugins lie."""
    return database, workspace, tmp_path


@pytest.mark.parametrize(
    ("heading", "item", "written"),
    [
        (
            "register_identity_rules()",
            {"context": {"device": {"id": "kiosk-7"}}},
            (
                REFUSED_LINKS,
                "device_id",
                [("The device is a kiosk: whoever stands there uses it.", "device_id")],
            ),
        ),
        (
            "veto_link(links)",
            {"context": {"traits": {"email": "ann@agency.example"}}},
            (REFUSED_LINKS, "email", [("Agencies act for many people from one address.", "email")]),
        ),
        ("resolve_account(events)", {"properties": {"tenant": "t1"}}, (ACCOUNTS, "", [("t1", "")])),
        ("guard_consent(questions)", {"context": {"consent": {"doNotTrack": True}}}, (EVENTS, "", [])),
        (
            "transform_event(events)",
            {"event": "Order Completed"},
            (EVENTS, "currency", [("Order Completed", "EUR")]),
        ),
        (
            "guard_event(events)",
            {"properties": {"password": "secret"}},
            (EVENTS, "password", [("Button Clicked", None)]),
        ),
        (
            "classify_event(events)",
            {"properties": {"label": "Book a demo"}},
            (TALLIES, "signal", [("demo_requested", "signal")]),
        ),
        ("register_catalogue()", {"event": "Webinar Attended"}, (TALLIES, "signal", [("webinar", "signal")])),
    ],
)
async def test_the_example_works(
    place: tuple[Database, WorkspaceId, Path],
    heading: str,
    item: dict[str, Any],
    written: tuple[str, str, list[tuple[Any, ...]]],
) -> None:
    """Loaded from a folder, as the guide says, and asked about one event."""
    database, workspace, folder = place
    query, argument, expected = written
    found = re.search(rf"^### {re.escape(heading)}\n.*?```python\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
    assert found is not None
    (folder / "example.py").write_text(found[1], encoding="utf-8")
    plugins = Plugins()
    plugins.add(in_folder(folder))
    assert plugins.left_out() == frozenset()
    async with open_ingest(database, plugins=plugins) as ingest:
        given = {"type": "track", "event": "Button Clicked", "userId": "u1"} | item
        await ingest.intake.take(workspace, batch_of([given]))
    async with database.connection(workspace) as connection:
        rows = await connection.fetch(query, workspace, argument)
    await plugins.aclose()
    assert [tuple(row) for row in rows] == expected
