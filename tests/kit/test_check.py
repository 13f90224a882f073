"""`cdp plugins check`: what a plugin gets wrong is said, by hook."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdp.cli import run

pytestmark = pytest.mark.usefixtures("logs_as_before")

WRONG = """
import itertools

from cdp.hooks import hookimpl
from cdp.model import Candidate, EnrichedTrait, EnrichmentRequest, Evidence, MembershipFacts, ProfileFacts
from cdp.model import Redacted, RoleContribution, RoleKind, Batch, Event

numbers = itertools.count()


@hookimpl
def register_roles() -> list[RoleKind]:
    return [RoleKind(name="LUCKY", description="Is lucky.")]


@hookimpl
def resolve_roles(membership: ProfileFacts) -> dict:
    why = Evidence(reason=f"number {next(numbers)}")
    return [RoleContribution(role="LUCKY", confidence=0.5, evidence=(why,))]


@hookimpl
def enrich_person(request: EnrichmentRequest) -> list[EnrichedTrait]:
    return "nothing"


@hookimpl
def guard_event(events: Batch[Event]) -> dict[int, Redacted]:
    return {}


@hookimpl
async def on_role_changed(change):
    raise LookupError("no role")


@hookimpl
def choose_personalisation(request) -> Candidate | None:
    return None


def enrich_acount(request):
    return []
"""
RIGHT = """
from cdp.hooks import hookimpl
from cdp.model import EnrichedTrait, EnrichmentRequest


@hookimpl
async def enrich_person(request: EnrichmentRequest, http) -> list[EnrichedTrait]:
    await http.get("https://provider.example/people")
    return []


@hookimpl
def classify_event(events) -> dict:
    return {}
"""
TRAFFIC = [
    {"type": "identify", "userId": "ada", "traits": {"email": "ada@acme.example"}},
    {"type": "track", "userId": "ada", "event": "Feature Used", "properties": {"feature": "reports"}},
    {"type": "track", "userId": "ada", "event": "Teapot Filled"},
]
REFUSED = "returned what the hook does not take; the last: it returned str instead of a list"
FIRST = "[RoleContribution(role='LUCKY', confidence=0.5, evidence=(Evidence(reason='number 0'"


def check(capsys: pytest.CaptureFixture[str], *arguments: str, status: int) -> list[str]:
    """What it says, without how long things took."""
    assert run(["plugins", "check", *arguments]) == status
    return [line.strip() for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def traffic(tmp_path: Path) -> str:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(f"{json.dumps(one)}\n" for one in TRAFFIC))
    return str(file)


def test_every_wrong_is_named_with_its_hook(
    tmp_path: Path, traffic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG)
    said = check(capsys, str(file), "--events", traffic, status=1)
    assert said[0] == f"wrong  {file}"
    assert [line.partition(", facts=")[0] for line in said if not line.startswith("OK")][1:] == [
        "WARN  enrich_acount: it is not marked @hookimpl, so it is never called; is it meant as enrich_account?",
        "FAIL  resolve_roles: it takes `membership` for ProfileFacts; the hook gives MembershipFacts",
        "FAIL  resolve_roles: it returns dict; the hook takes list[RoleContribution]",
        f"FAIL  enrich_person: 1 of 1 calls {REFUSED}",
        "FAIL  on_role_changed: 1 of 1 calls raised; the last: LookupError: no role",
        f"FAIL  resolve_roles: 1 of 1 calls had another answer the second time: first {FIRST}",
    ]
    assert "OK    guard_event: its signature fits guard_event(events)" in said
    assert "OK    guard_event: 1 calls made again have the same answers" in said


def test_nobody_is_asked_over_http(tmp_path: Path, traffic: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And what hangs on it is not asked again."""
    folder = tmp_path / "right"
    folder.mkdir()
    (folder / "__init__.py").write_text(RIGHT)
    said = check(capsys, str(folder), "--events", traffic, status=1)
    assert (
        "FAIL  enrich_person: 1 of 1 calls raised; "
        "the last: OutboundRefused: GET https://provider.example/people is not asked in a check."
    ) in said
    assert "OK    classify_event: 1 calls made again have the same answers" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nothing_like_it", "import: ModuleNotFoundError: No module named 'nothing_like_it'"),
        (
            "from cdp.hooks import hookimpl\n@hookimpl\ndef resolve_rolls(): ...",
            "loading: there is no hook resolve_rolls; did you mean resolve_roles?",
        ),
        ("", "loading: it implements no hook; mark its functions with @hookimpl."),
    ],
)
def test_one_that_cannot_be_loaded_is_not_tried(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text)
    assert check(capsys, str(file), status=1)[1:] == [f"FAIL  {says}"]


@pytest.mark.parametrize(
    ("which", "says"),
    [
        (["diptych_rolls"], "did you mean diptych_roles?"),
        (["{tmp}"], "is no module, no package, and no project with a pyproject.toml."),
        ([], "No plugin is installed but those that come with Diptych"),
    ],
)
def test_a_plugin_that_is_not_there_is_said(
    which: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [one.replace("{tmp}", str(tmp_path)) for one in which]
    assert run(["plugins", "check", *arguments]) == 2
    assert says in capsys.readouterr().err
