"""Issuers as administrators and operators manage them, and tokens as clients use them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdp.access import create_key, operator
from cdp.access.roles import define_role
from cdp.cli import run
from cdp.db.pool import Database
from cdp.errors import Conflict
from cdp.model import WorkspaceId
from cdp.model.ids import encode_id
from tests.access.tokens.conftest import Api, trust
from tests.access.tokens.oidc import NOW, Oidc

PEOPLE = "{ profiles { totalCount } }"
DEFINE = """mutation ($input: TokenIssuerDefineInput!) { tokenIssuerDefine(input: $input) {
  issuer { id url name audience scopes algorithms scopeClaim defaultRole longestLife enabled issuedSince
    required { claim value } rules { claim value role } }
  userErrors { code field message } } }"""
UPDATE = """mutation ($input: TokenIssuerUpdateInput!) { tokenIssuerUpdate(input: $input) {
  issuer { enabled issuedSince } userErrors { code field message } } }"""
REMOVE = """mutation ($input: TokenIssuerRemoveInput!) { tokenIssuerRemove(input: $input) {
  id userErrors { code field message } } }"""


async def test_an_administrator_trusts_an_issuer_and_its_people_are_let_in(
    api: Api, oidc: Oidc, database: Database, workspace: WorkspaceId
) -> None:
    """In GraphQL and at the tracking API alike, within what they were granted; and the log says who did it."""
    token = oidc.token(api.audience, scope=None, groups=["sales"])
    assert await api.codes(PEOPLE, token) == ["UNAUTHENTICATED"]
    payload = await api.mutate(
        DEFINE,
        url=oidc.url,
        name="login",
        scopes=["profiles:read", "intent:read", "events:write"],
        required=[{"claim": "hd", "value": "acme.example"}],
        rules=[
            {"claim": "groups", "value": "sales", "role": "sales"},
            {"claim": "groups", "value": "web", "role": "INGEST"},
        ],
        longestLife="PT2H",
    )
    assert payload == {
        "issuer": {
            "id": encode_id("TokenIssuer", 1),
            "url": oidc.url,
            "name": "login",
            "audience": api.audience,
            "scopes": ["events:write", "intent:read", "profiles:read"],
            "algorithms": ["ES256", "EdDSA", "PS256", "RS256"],
            "scopeClaim": "scope",
            "defaultRole": None,
            "longestLife": "PT2H",
            "enabled": True,
            "issuedSince": None,
            "required": [{"claim": "hd", "value": "acme.example"}],
            "rules": [
                {"claim": "groups", "value": "sales", "role": "SALES"},
                {"claim": "groups", "value": "web", "role": "INGEST"},
            ],
        },
        "userErrors": [],
    }
    api.a_second_passes()
    sales = oidc.token(api.audience, scope=None, groups=["sales"], hd="acme.example")
    assert await api.codes(token, token) == ["UNAUTHENTICATED"]
    assert (await api.ask(PEOPLE, token=sales))["data"] == {"profiles": {"totalCount": 0}}
    assert await api.codes("{ profiles { nodes { usage { activeDays } } } }", sales) == ["FORBIDDEN"]
    assert await api.codes("{ tokenIssuers { url } }", sales) == ["FORBIDDEN"]
    event = {"userId": "bo", "event": "Signed In"}
    for groups, status in ((["web"], 200), (["sales"], 403)):
        sender = oidc.token(api.audience, scope=None, groups=groups, hd="acme.example")
        answer = await api.client.post("/v1/track", json=event, headers={"Authorization": f"Bearer {sender}"})
        assert answer.status_code == status, answer.text
    assert (await api.ask(PEOPLE, token=sales))["data"] == {"profiles": {"totalCount": 1}}
    assert [(one["act"], one["principal"]) for one in await entries(database, workspace)] == [
        ("tokenIssuerDefine", "key:1")
    ]
    assert "acme.example" not in str(await entries(database, workspace))


async def entries(database: Database, workspace_id: WorkspaceId) -> list[dict[str, Any]]:
    async with database.connection(workspace_id) as connection:
        rows = await connection.fetch(
            "SELECT act, principal, object, detail::text FROM audit_entry WHERE workspace_id = $1"
            " AND act LIKE 'tokenIssuer%' ORDER BY sequence",
            workspace_id,
        )
    return [dict(row) for row in rows]


async def test_an_issuer_can_be_switched_off_and_taken_away(
    api: Api, oidc: Oidc, database: Database, workspace: WorkspaceId
) -> None:
    made = (await api.mutate(DEFINE, url=oidc.url, scopes=["profiles:read"]))["issuer"]["id"]
    assert (await api.mutate(UPDATE, id=made, enabled=False))["issuer"] == {
        "enabled": False,
        "issuedSince": None,
    }
    since = "2026-11-20T11:00:00Z"
    changed = (await api.mutate(UPDATE, id=made, issuedSince=since))["issuer"]
    assert changed["enabled"] is False
    assert datetime.fromisoformat(changed["issuedSince"]) == datetime(2026, 11, 20, 11, tzinfo=UTC)
    again = (await api.mutate(DEFINE, url=oidc.url, scopes=["usage:read"]))["issuer"]
    assert (again["id"], again["scopes"], again["enabled"]) == (made, ["usage:read"], True)
    (listed,) = (await api.ask("{ tokenAudience tokenIssuers { id audience } }"))["data"]["tokenIssuers"]
    assert listed == {"id": made, "audience": api.audience}
    assert (await api.mutate(REMOVE, id=made))["id"] == made
    assert (await api.mutate(REMOVE, id=made))["userErrors"][0]["code"] == "NOT_FOUND"
    assert (await api.mutate(UPDATE, id=made, enabled=True))["userErrors"][0]["code"] == "NOT_FOUND"
    told = await entries(database, workspace)
    assert [(one["act"], one["object"]) for one in told] == [
        (f"tokenIssuer{act}", made) for act in ("Define", "Update", "Update", "Define", "Remove")
    ]
    assert json.loads(told[1]["detail"])["enabled"] is False


async def test_what_cannot_be_trusted_is_said(api: Api, oidc: Oidc) -> None:
    """A path to what is wrong, and a sentence on what would be right."""
    good: dict[str, Any] = {"url": oidc.url, "scopes": ["profiles:read"]}
    wrong: list[tuple[dict[str, Any], list[str], str]] = [
        ({"url": "http://login.acme.example"}, ["url"], "https://"),
        ({"url": "https://login.acme.example?a=b"}, ["url"], "no query"),
        ({"url": "https://ann:secret@login.acme.example"}, ["url"], "https://"),
        ({"url": "ftp://login"}, ["url"], "https://"),
        ({"url": f"https://{'a' * 600}.example"}, ["url"], "https://"),
        ({"jwksUrl": "http://keys.example"}, ["jwksUrl"], "https://"),
        ({"audience": "https://api.acme.example"}, ["audience"], api.audience),
        ({"scopes": []}, ["scopes"], "at most"),
        ({"scopes": ["everything"]}, ["scopes", "0"], "'everything'"),
        ({"scopes": ["visitor:read"]}, ["scopes", "0"], "'visitor:read'"),
        ({"algorithms": ["HS256"]}, ["algorithms"], "RS256"),
        ({"algorithms": ["none"]}, ["algorithms"], "RS256"),
        ({"algorithms": []}, ["algorithms"], "RS256"),
        ({"longestLife": "PT1S"}, ["longestLife"], "a minute"),
        ({"longestLife": "P2000D"}, ["longestLife"], "400 days"),
        ({"name": "  "}, ["name"], "printable"),
        ({"rules": [{"claim": "", "value": "a", "role": "SALES"}]}, ["rules"], "printable"),
        ({"rules": [{"claim": "a", "value": "a", "role": "KING"}]}, ["rules"], "'KING'"),
        ({"defaultRole": "QUEEN"}, ["defaultRole"], "'QUEEN'"),
        ({"rules": [{"claim": "a", "value": f"{n}", "role": "SALES"} for n in range(101)]}, ["rules"], "100"),
        ({"required": [{"claim": "a", "value": f"{n}"} for n in range(11)]}, ["required"], "10"),
        ({"scopeClaim": None}, [], "Nothing would be granted"),
    ]
    for given, field, says in wrong:
        payload = await api.mutate(DEFINE, **good | given)
        (error,) = payload["userErrors"]
        assert (payload["issuer"], error["field"]) == (None, ["input", *field]), given
        assert says in error["message"], given


async def test_nobody_lets_an_issuer_grant_what_they_have_not_got(
    api: Api, oidc: Oidc, database: Database, workspace: WorkspaceId
) -> None:
    """Nor do they switch one on that somebody else has switched off; but off they may."""
    async with database.transaction(workspace) as connection:
        scopes = ["workspace:admin", "profiles:read", "intent:read"]
        await define_role(connection, operator(workspace), name="OFFICE", scopes=scopes, now=NOW)
    office = await create_key(database, workspace, "OFFICE", "office")
    made = (await api.mutate(DEFINE, url=oidc.url, scopes=["usage:read"]))["issuer"]["id"]

    async def code(document: str, **given: Any) -> str | None:
        answer = await api.ask(document, token=office, input=given)
        return answer["errors"][0]["extensions"]["code"] if "errors" in answer else None

    assert await code(DEFINE, url=f"{oidc.url}/other", scopes=["profiles:read", "usage:read"]) == "FORBIDDEN"
    assert await code(DEFINE, url=oidc.url, scopes=["usage:read", "intent:read"]) is None
    assert await code(UPDATE, id=made, enabled=False) is None
    assert await code(UPDATE, id=made, enabled=True) == "FORBIDDEN"
    assert await code(DEFINE, url=oidc.url, scopes=["usage:read"]) == "FORBIDDEN"
    assert await code(DEFINE, url=oidc.url, scopes=["intent:read"]) is None


async def test_a_role_of_the_workspace_s_own_counts_for_tokens_within_a_second(
    api: Api, oidc: Oidc, database: Database, workspace: WorkspaceId
) -> None:
    async def role(*scopes: str) -> None:
        async with database.transaction(workspace) as connection:
            await define_role(connection, operator(workspace), name="FIELD", scopes=scopes, now=NOW)

    await role("profiles:read")
    await trust(database, workspace, oidc.url, default_role="field", scope_claim=None)
    token = oidc.token(api.audience)
    usage = "{ profiles { nodes { usage { activeDays } } } }"
    assert await api.codes(usage, token) == ["FORBIDDEN"]
    await role("profiles:read", "usage:read", "workspace:admin")
    api.a_second_passes()
    assert await api.codes(usage, token) == []
    assert await api.codes("{ tokenIssuers { url } }", token) == ["FORBIDDEN"]


async def test_a_token_that_is_not_good_is_answered_as_a_key_that_is_none(
    api: Api, oidc: Oidc, database: Database, workspace: WorkspaceId
) -> None:
    """With 401 and how to do better, in GraphQL and at the tracking API; with 503 while its issuer is away."""
    await trust(database, workspace, oidc.url)
    found = {}
    for what, token in {
        "forged": oidc.token(api.audience, "ec-9", header={"kid": "ec-1"}),
        "expired": oidc.token(api.audience, at=NOW - timedelta(days=1)),
        "oversized": "a." * 2 + "a" * 9000,
    }.items():
        headers = {"Authorization": f"Bearer {token}"}
        for path, body in (("/graphql", {"query": "{ __typename }"}), ("/v1/track", {"event": "a"})):
            answer = await api.client.post(path, json=body, headers=headers)
            found[what, path] = (answer.status_code, answer.headers["www-authenticate"].split()[0])
    assert set(found.values()) == {(401, "Bearer")}, found
    oidc.away = True
    away = f"{oidc.url}/away"
    await trust(database, workspace, away)
    headers = {"Authorization": f"Bearer {oidc.token(api.audience, iss=away)}"}
    answer = await api.client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_what_a_token_was_signed_for_is_not_said_otherwise_beside_it(
    api: Api, oidc: Oidc, database: Database, workspace: WorkspaceId
) -> None:
    """The header counts for those whose token says nothing."""
    await trust(database, workspace, oidc.url, scopes={"workspace:admin", "profiles:read"})
    for purpose, kept in (("support", "SUPPORT"), (None, "SALES_OUTREACH")):
        token = oidc.token(api.audience, scope="workspace:admin", purpose=purpose)
        await api.mutate(
            DEFINE, token=token, purpose="SALES_OUTREACH", url=oidc.url, scopes=["profiles:read"]
        )
        async with database.connection(workspace) as connection:
            told = await connection.fetchval(
                "SELECT purpose FROM audit_entry WHERE workspace_id = $1 ORDER BY sequence DESC LIMIT 1",
                workspace,
            )
        assert told == kept
        await trust(database, workspace, oidc.url, scopes={"workspace:admin", "profiles:read"})


async def test_no_workspace_sees_or_changes_another_s_issuers(
    api: Api, oidc: Oidc, database: Database, other_workspace: WorkspaceId
) -> None:
    theirs = await trust(database, other_workspace, oidc.url)
    assert (await api.ask("{ tokenIssuers { url } }"))["data"] == {"tokenIssuers": []}
    id_ = encode_id("TokenIssuer", theirs.issuer_id)
    for document, given in ((UPDATE, {"id": id_, "enabled": False}), (REMOVE, {"id": id_})):
        assert (await api.mutate(document, **given))["userErrors"][0]["code"] == "NOT_FOUND"
    assert await api.codes(PEOPLE, oidc.token(theirs.audience)) == []


async def test_an_audience_that_two_could_want_is_the_operator_s_to_give_and_given_once(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, oidc: Oidc
) -> None:
    """It says which workspace a token is for."""
    await trust(database, workspace, oidc.url, audience="https://api.acme.example")
    with pytest.raises(Conflict, match="Another workspace"):
        await trust(database, other_workspace, oidc.url, audience="https://api.acme.example")
    await trust(database, workspace, oidc.url, audience="https://api.acme.example", name="again")
    await trust(database, other_workspace, f"{oidc.url}/theirs", audience="https://api.acme.example")


@pytest.fixture
def at(database_url: str, monkeypatch: pytest.MonkeyPatch, logs_as_before: None) -> None:
    """The clone stands in the environment."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CDP_OUTBOUND_ALLOW", "127.0.0.0/8")


@pytest.mark.usefixtures("at", "workspace")
def test_operators_manage_issuers_on_the_command_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    """From trust to its end; and why a token is not let in."""

    def call(*words: str) -> tuple[int, str]:
        status = run(["issuers", *words])
        shown = capsys.readouterr()
        return status, shown.out + shown.err

    url, acme = "https://login.acme.example", ("--workspace", "Acme")
    status, shown = call(
        "add", url, *acme, "--scope", "profiles:read", "--scope", "intent:read", "--audience", "api://x",
        "--grant", "SALES", "groups=sales team", "--require", "hd=acme.example", "--default-role", "partner",
    )  # fmt: skip
    assert (status, shown) == (0, f"Issuer 1: Acme lets in tokens of {url} for the audience api://x\n")
    assert call("list", *acme)[1].split("\n") == [
        f"   1  {url}  on  {url}",
        "      audience api://x",
        "      at most  intent:read profiles:read",
        "      requires hd=acme.example",
        "      SALES to groups=sales team",
        "      PARTNER to all others",
        "      scopes by name in scope",
        "",
    ]
    assert call("disable", "1", *acme) == (0, "Issuer 1 is off.\n")
    assert "  off  " in call("list", *acme)[1]
    assert call("enable", "1", *acme) == (0, "Issuer 1 is on.\n")
    assert call("refuse-older", "1", *acme)[0] == 0
    assert "issued since" in call("list", *acme)[1]
    (tmp_path / "token").write_text("a.b.c\n")
    status, shown = call("try", str(tmp_path / "token"))
    assert status == 1
    assert shown.startswith("cdp: This token is not one that this server trusts. It is no token, or does not")
    assert call("add", url, *acme, "--scope", "profiles:read", "--require", "hd")[0] == 2
    assert call("check", "2", *acme)[0] == 1
    assert call("remove", "1", *acme) == (0, "Issuer 1 is gone.\n")
    assert call("remove", "1", *acme)[0] == 1


@pytest.mark.usefixtures("at")
async def test_the_command_line_shows_an_issuer_s_keys_and_whose_a_token_is(
    database: Database, workspace: WorkspaceId, oidc: Oidc, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    issuer = await trust(database, workspace, oidc.url)
    assert (
        await asyncio.to_thread(run, ["issuers", "check", str(issuer.issuer_id), "--workspace", "Acme"]) == 0
    )
    assert capsys.readouterr().out == "ec-1  ES256\n"
    now = datetime.now(UTC)
    for name, at in (("good", now), ("old", now - timedelta(days=1))):
        (tmp_path / name).write_text(oidc.token(issuer.audience, at=at, purpose="analytics"))
    assert await asyncio.to_thread(run, ["issuers", "try", str(tmp_path / "good")]) == 0
    assert capsys.readouterr().out == (
        f"token:{issuer.issuer_id}:ann in Acme, for ANALYTICS: profiles:read\n"
        "    by name in scope: profiles:read\n"
    )
    assert await asyncio.to_thread(run, ["issuers", "try", str(tmp_path / "old")]) == 1
    assert capsys.readouterr().err == "cdp: This token has expired.\n"
