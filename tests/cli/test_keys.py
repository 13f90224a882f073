"""`cdp keys` and `cdp access`, called as a shell calls them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cdp.cli import run

pytestmark = pytest.mark.usefixtures("logs_as_before")

ACME = ["--workspace", "acme"]


@pytest.fixture(autouse=True)
def acme(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A workspace, in the database of the environment."""
    monkeypatch.delenv("CDP_DATA", raising=False)
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert run(["workspaces", "create", "acme"]) == 0
    capsys.readouterr()


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], *, status: int = 0) -> str:
    """What a command prints, or complains of."""
    assert run(arguments) == status
    captured = capsys.readouterr()
    return captured.out if status == 0 else captured.err


def test_a_key_is_rotated_and_changed_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    limited = ["--origin", "https://shop.example.com", "--network", "192.0.2.7"]
    first = said(["keys", "create", *ACME, "--role", "INGEST", *limited], capsys)
    (number,) = re.findall(r"^ *(\d+)", said(["keys", "list", *ACME], capsys))
    second = said(["keys", "rotate", number, *ACME, "--overlap-hours", "2"], capsys)
    assert re.fullmatch(r"cdp_pub_[0-9A-Za-z]{43}\n", second)
    assert first != second
    changed = ["--name", "shop", "--any-origin", "--network", "198.51.100.0/24", "--expires", "2099-01-01"]
    assert said(["keys", "update", number, *ACME, *changed], capsys) == f"Key {number} is changed.\n"
    listed = said(["keys", "list", *ACME], capsys)
    assert second[:12] in listed
    assert "INGEST     good until 2099-01-01  unused" in listed
    assert listed.endswith("shop\n")


def test_keys_are_changed_with_sense_or_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    said(["keys", "create", *ACME, "--role", "SALES"], capsys)
    for arguments, complaint in (
        (["update", "1", *ACME], "Say what is to change"),
        (["update", "1", *ACME, "--network", "192.0.2.7", "--any-network"], "not both"),
        (["update", "1", *ACME, "--role", "BOSS"], "'BOSS' is not a role of keys"),
        (["update", "1", *ACME, "--expires", "2020-01-01"], "is over"),
        (["create", *ACME, "--role", "SALES", "--origin", "https://a.example"], "no business in a web page"),
        (["create", *ACME, "--role", "INGEST", "--network", "nowhere"], "is no network"),
    ):
        assert complaint in said(["keys", *arguments], capsys, status=2)
    assert "no key 999" in said(["keys", "rotate", "999", *ACME], capsys, status=1)


def test_roles_are_defined_and_decisions_explained_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    own = ["EMEA_SALES", *ACME, "--scope", "profiles:read", "--scope", "intent:read"]
    assert (
        said(["access", "roles", "define", *own], capsys) == "EMEA_SALES grants intent:read, profiles:read.\n"
    )
    listed = said(["access", "roles", "list", *ACME], capsys)
    assert listed.endswith("EMEA_SALES  0 keys    intent:read, profiles:read\n")
    assert listed.startswith("ADMIN       preset    audit:read, events:write")
    told = said(["access", "explain", "Profile.buyerIntent", "--role", "emea_sales", *ACME], capsys)
    assert told.startswith("GRANTED: Profile.buyerIntent for role:EMEA_SALES.")
    said(["keys", "create", *ACME, "--role", "SUPPORT"], capsys)
    told = said(["access", "explain", "Profile.buyerIntent", "--key", "1", *ACME], capsys)
    assert told == (
        "DENIED: Profile.buyerIntent for key:1. It takes `intent:read`, which the role SUPPORT does not grant.\n"
        "  takes intent:read: not granted\n"
        "  takes profiles:read, as every way to it does: granted\n"
    )
    assert said(["access", "roles", "remove", "EMEA_SALES", *ACME], capsys) == "EMEA_SALES is removed.\n"
    assert "whose access" in said(["access", "explain", "Profile.usage", *ACME], capsys, status=2)
    assert "not in the schema" in said(
        ["access", "explain", "Profile.nothing", "--role", "SALES", *ACME], capsys, status=2
    )


def test_every_command_of_the_page_about_keys_does_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the order of the page; the workspace that it makes first is there."""
    page = (Path(__file__).parents[2] / "docs" / "keys.md").read_text()
    first, *commands = [
        shlex.split(line.removesuffix(" --data ./data"))
        for block in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    assert first == ["cdp", "workspaces", "create", "acme"]
    assert len(commands) == 11
    shown = [said(words[1:], capsys) for words in commands]
    (answer,) = re.findall(r"^```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert answer in shown
