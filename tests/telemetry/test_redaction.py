"""What identifies somebody, or lets somebody in, is taken out of logs and traces, whoever says it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from cdp.telemetry.redaction import HIDDEN, redact_event, redacted, wordless

SECRETS = {
    "ann@example.com": "mail {} bounced",
    "Ann.Archer+x@sub.example.co.uk": "<{}>, and more",
    "ann%40example.com": "GET /x?mail={}&a=1",
    "+442079460958": "sms to {}.",
    "+44 20 7946-0958": "({})",
    "cdp_sec_0123456789abcdef-_AB": "key={}",
    "cdp_pub_0123456789abcdefAB": "{} is revoked",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln": "token {} expired",
    "QWxhZGRpbjpvcGVu": "Authorization: Basic {}",
    "hunter2": "password: {}, next",
    "s3cret/x": "client_secret={} refused",
    "user:hunter2": "postgresql://{}@db:5432/diptych",
}


@pytest.mark.parametrize(("secret", "sentence"), SECRETS.items())
def test_a_secret_is_taken_out_of_any_sentence(secret: str, sentence: str) -> None:
    said = redacted(sentence.format(secret))
    assert secret not in said
    assert HIDDEN in said


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00.123456Z",
        "/v1/batch",
        "POST /graphql 200 in 4.6 ms",
        "pool.py:203 _bound",
        "connection to 10.0.0.7:5432 failed: Connection refused",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "PostgreSQL 18.1, +5 s",
        "a @ b",
    ],
)
def test_what_an_operator_needs_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.text(), st.sampled_from(sorted(SECRETS)), st.text())
def test_no_neighbour_hides_an_address_or_a_key(before: str, secret: str, after: str) -> None:
    if "@" in secret or secret.startswith("cdp_"):
        assert secret not in redacted(f"{before} {secret} {after}")


@pytest.mark.parametrize("part", ["a", "a-", "eyJa-", "x%4", "+1 ", "password", "://a"])
def test_a_hostile_text_costs_no_more_than_its_length(part: str) -> None:
    """Each of these would take minutes if a pattern began anew at every character."""
    for end in ("", " ann@example.com"):
        assert "ann" not in redacted(part * (9_000 // len(part)) + end)


class Person(Struct):
    """As a plugin may log it."""

    name: str


def test_a_line_of_the_log_holds_no_object_and_nothing_under_a_private_name() -> None:
    event: dict[str, Any] = {
        "event": "told ann@example.com",
        "plugin": "acme",
        "times": 3,
        "seconds": 0.5,
        "user_id": "u-1",
        "userId": 7,
        "traits": {"city": "Oslo"},
        "nested": [{"note": "to bob@example.com", "displayName": "Bob", "n": 1, "ann@example.com": 2}],
        "who": Person(name="Ann"),
        "error": ValueError("Ann"),
        "at": datetime(2026, 11, 22, tzinfo=UTC),
        "path": Path("/tmp/x"),
        "id": UUID(int=1),
        "nothing": None,
        "bytes": b"Ann",
    }
    assert redact_event(None, "info", event) == {
        "event": f"told {HIDDEN}",
        "plugin": "acme",
        "times": 3,
        "seconds": 0.5,
        "user_id": HIDDEN,
        "userId": HIDDEN,
        "traits": HIDDEN,
        "nested": [{"note": f"to {HIDDEN}", "displayName": HIDDEN, "n": 1, HIDDEN: 2}],
        "who": "<Person>",
        "error": "ValueError",
        "at": "2026-11-22 00:00:00+00:00",
        "path": "/tmp/x",
        "id": UUID(int=1),
        "nothing": None,
        "bytes": "<bytes>",
    }


def test_an_error_is_logged_by_its_kind_and_place_without_its_words() -> None:
    for form in ("itself", "triple", "flag"):
        try:
            raise KeyError("Ann")  # noqa: TRY301 - to have a place
        except KeyError as error:
            given = {"itself": error, "triple": (KeyError, error, error.__traceback__), "flag": True}[form]
            line = redact_event(None, "error", {"event": "failed", "exc_info": given})
        assert (line["error"], line["at"][0].split(":")[0]) == ("KeyError", "test_redaction.py")
        assert "Ann" not in str(line)
        assert "exc_info" not in line


def test_of_what_a_plugin_says_the_kind_is_logged() -> None:
    assert wordless("ValueError: nobody is called Ann Archer") == "ValueError"
    assert wordless("no answer within 2 s") == "no answer within 2 s"
    assert wordless("'Ann' is no role; write \"Bob\"") == f"{HIDDEN} is no role; write {HIDDEN}"
