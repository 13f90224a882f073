"""Which visitors' tokens are good: only those that the workspace's server signed, for now, and some of them once."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from cdp.access.authenticator import Authenticator
from cdp.access.guesses import Guesses
from cdp.access.principals import Peer
from cdp.access.visitors import VisitorBearer, revoke_secret, rotate_secret
from cdp.access.visitors.token import AUDIENCE, LONGEST, LONGEST_LIFE
from cdp.db.pool import Database
from cdp.errors import BadInput, Conflict, NotFound, RateLimited, Unauthenticated
from cdp.ingest.seals import Seals
from cdp.model import WorkspaceId
from tests.access.visitors.conftest import NOW, Clock, new_secret

from cdp.access.visitors import NewSecret, create_secret, list_secrets, sign  # isort: skip

ISSUED = int(NOW.timestamp())
CLAIMS: dict[str, Any] = {"aud": AUDIENCE, "sub": "ann", "iat": ISSUED, "exp": ISSUED + 600}


@pytest.fixture
async def secret(database: Database, workspace: WorkspaceId) -> NewSecret:
    return await new_secret(database, workspace)


@pytest.fixture
def bearer(database: Database, clock: Clock) -> VisitorBearer:
    return VisitorBearer(database, Seals(), clock=clock, monotonic=clock.monotonic)


def signed(secret: NewSecret, *, algorithm: str = "HS256", key: str | None = None, **claims: Any) -> str:
    given = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(
        given, secret.secret if key is None else key, algorithm=algorithm, headers={"kid": secret.kid}
    )


def forged(secret: NewSecret, head: dict[str, Any], signature: str = "") -> str:
    parts = (head | {"kid": secret.kid}, CLAIMS)
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*texts, signature or "AA"))


async def test_a_good_token_is_one_person_s(
    bearer: VisitorBearer, secret: NewSecret, workspace: WorkspaceId
) -> None:
    principal = await bearer.principal(signed(secret))
    assert (principal.workspace_id, principal.visitor) == (workspace, ("user_id", "ann"))
    assert principal.scopes == {"visitor:read"}
    assert principal.kind == "VISITOR"
    assert "ann" not in principal.subject
    assert (await bearer.principal(signed(secret, sub="a@b.co", kind="email"))).visitor == ("email", "a@b.co")


NO_GOOD: list[dict[str, Any]] = [
    {"exp": None},
    {"iat": None},
    {"sub": None},
    {"aud": None},
    {"aud": "https://shop.example"},
    {"exp": ISSUED},
    {"iat": ISSUED + 61, "exp": ISSUED + 120},
    {"nbf": ISSUED + 61},
    {"exp": ISSUED + LONGEST_LIFE + 1},
    {"iat": ISSUED - LONGEST_LIFE, "exp": ISSUED + 60},
    {"exp": "tomorrow"},
    {"exp": True},
    {"exp": 1e300},
    {"sub": ""},
    {"sub": 7},
    {"kind": ["email"]},
    {"kind": "no kind"},
    {"also": ["ann@acme.com"]},
    {"also": {"email": [7]}},
    {"also": {"email": [f"a{number}@acme.com" for number in range(21)]}},
    {"groups": {"acme": True}},
    {"once": "yes"},
]


async def test_a_token_that_says_too_little_or_too_much_is_no_good(
    bearer: VisitorBearer, secret: NewSecret
) -> None:
    for claims in NO_GOOD:
        try:
            token = signed(secret, **claims)
        except TypeError:  # PyJWT does not sign it
            token = _raw(secret, claims)
        with pytest.raises(Unauthenticated) as refused:
            await bearer.principal(token)
        assert secret.secret not in refused.value.message


def _raw(secret: NewSecret, claims: dict[str, Any]) -> str:
    body = json.dumps({**CLAIMS, **claims}).encode()
    return jwt.api_jws.encode(body, secret.secret, "HS256", headers={"kid": secret.kid})


async def test_nothing_is_signed_but_by_the_workspace_s_secret(
    bearer: VisitorBearer, secret: NewSecret, database: Database, other_workspace: WorkspaceId
) -> None:
    theirs = await new_secret(database, other_workspace)
    for token in (
        forged(secret, {"alg": "none"}),
        forged(secret, {"alg": "None"}),
        forged(secret, {"alg": "HS256"}),
        forged(secret, {"alg": "RS256"}),
        signed(secret, algorithm="HS384"),
        signed(secret, key=theirs.secret),
        signed(secret, key=secret.kid.ljust(32, "x")),
        signed(secret)[:-2] + ("AA" if not signed(secret).endswith("AA") else "BB"),
    ):
        with pytest.raises(Unauthenticated):
            await bearer.principal(token)


async def test_only_what_names_a_visitor_secret_is_taken_for_a_visitor_s_token(
    bearer: VisitorBearer, secret: NewSecret
) -> None:
    """The rest is for those who read keys and tokens of issuers."""
    assert bearer.recognises(signed(secret))
    long = signed(secret, sub="a" * 500, also={"email": ["b" * 500] * 8})
    assert len(long) > LONGEST
    for token in (
        "",
        "cdp_sec_x",
        "a.b.c",
        jwt.encode(CLAIMS, secret.secret, headers={"kid": "other"}),
        jwt.encode(CLAIMS, secret.secret),
        long,
    ):
        assert not bearer.recognises(token)
        with pytest.raises(Unauthenticated):
            await bearer.principal(token)


async def test_a_revoked_secret_is_dead_within_a_second_in_every_process(
    bearer: VisitorBearer,
    secret: NewSecret,
    database: Database,
    workspace: WorkspaceId,
    clock: Clock,
) -> None:
    elsewhere = VisitorBearer(database, Seals(), clock=clock, monotonic=clock.monotonic)
    token = signed(secret)
    for one in (bearer, elsewhere):
        await one.principal(token)
    async with database.connection(workspace) as connection:
        await revoke_secret(connection, workspace, secret.secret_id, now=NOW)
        await revoke_secret(connection, workspace, secret.secret_id, now=NOW + timedelta(days=1))
        (listed,) = await list_secrets(connection, workspace)
    assert listed.revoked_at == NOW
    clock.now += timedelta(seconds=1)
    for one in (bearer, elsewhere):
        with pytest.raises(Unauthenticated):
            await one.principal(token)


async def test_a_rotated_secret_is_good_for_as_long_as_was_said(
    bearer: VisitorBearer,
    secret: NewSecret,
    database: Database,
    workspace: WorkspaceId,
    clock: Clock,
) -> None:
    async with database.transaction(workspace) as connection:
        new = await rotate_secret(
            connection, workspace, secret.secret_id, now=NOW, sealing=Seals(), overlap=timedelta(minutes=5)
        )
    assert {(await bearer.principal(signed(one))).visitor for one in (secret, new)} == {("user_id", "ann")}
    clock.now += timedelta(minutes=5)
    await bearer.principal(signed(new))
    with pytest.raises(Unauthenticated):
        await bearer.principal(signed(secret))
    async with database.transaction(workspace) as connection:
        with pytest.raises(NotFound):
            await rotate_secret(connection, workspace, secret.secret_id, now=clock.now, sealing=Seals())
        with pytest.raises(BadInput):
            await rotate_secret(
                connection, workspace, new.secret_id, now=NOW, sealing=Seals(), overlap=timedelta(days=31)
            )


async def test_a_workspace_has_few_secrets(database: Database, workspace: WorkspaceId) -> None:
    for _ in range(10):
        await new_secret(database, workspace)
    with pytest.raises(Conflict):
        await new_secret(database, workspace)
    with pytest.raises(BadInput):
        async with database.connection(workspace) as connection:
            await create_secret(connection, workspace, " ", now=NOW, sealing=Seals())


async def test_the_database_does_not_tell_a_secret_that_was_sealed(
    database: Database, workspace: WorkspaceId, clock: Clock
) -> None:
    seals = Seals(base64.b64encode(b"k" * 32).decode())
    async with database.connection(workspace) as connection:
        made = await create_secret(connection, workspace, "shop", now=NOW, sealing=seals)
        kept = await connection.fetchval(
            "SELECT secret FROM visitor_secret WHERE workspace_id = $1", workspace
        )
    assert made.secret.encode() not in kept
    bearer = VisitorBearer(database, seals, clock=clock)
    assert (await bearer.principal(signed(made))).visitor == ("user_id", "ann")


async def test_a_token_of_nobody_is_nobody_s(bearer: VisitorBearer, secret: NewSecret) -> None:
    """What cannot be an identifier finds nobody, and breaks nothing."""
    for value in ("\ud800", "\0", "null", " "):
        token = _raw(secret, {"sub": value})
        assert (await bearer.principal(token)).visitor == ("user_id", value)


async def test_a_token_for_once_is_used_once_in_all_processes(
    bearer: VisitorBearer, secret: NewSecret, database: Database, clock: Clock
) -> None:
    elsewhere = VisitorBearer(database, Seals(), clock=clock)
    token = signed(secret, once=True, jti="7")
    uses = await asyncio.gather(
        *(one.principal(token) for one in (bearer, elsewhere, bearer, elsewhere)), return_exceptions=True
    )
    assert [type(one) for one in uses].count(Unauthenticated) == len(uses) - 1
    await bearer.principal(signed(secret, once=True, jti="8"))
    again = signed(secret, jti="9")
    for _ in range(2):
        await bearer.principal(again)


async def test_a_token_for_once_proves_the_same_event_however_often_it_is_sent(
    bearer: VisitorBearer, secret: NewSecret, workspace: WorkspaceId, clock: Clock
) -> None:
    """Clients send again what they do not know to have arrived."""
    token = signed(secret, once=True)
    for _ in range(2):
        said = await bearer.prove(workspace, token, used_for="m1", at=NOW)
        assert said.identifiers == (("user_id", "ann"),)
    with pytest.raises(Unauthenticated):
        await bearer.prove(workspace, token, used_for="m2", at=NOW)
    with pytest.raises(Unauthenticated):
        await bearer.principal(token)


async def test_uses_are_forgotten_once_they_do_not_matter(
    bearer: VisitorBearer, secret: NewSecret, database: Database, workspace: WorkspaceId, clock: Clock
) -> None:
    await bearer.principal(signed(secret, once=True))
    clock.now += timedelta(minutes=11)
    await bearer.principal(
        sign(secret.secret, secret.kid, "ann", now=clock.now, once=True),
    )
    async with database.connection(workspace) as connection:
        assert await connection.fetchval("SELECT count(*) FROM visitor_token_use") == 1


async def test_a_token_proves_nothing_in_another_workspace(
    bearer: VisitorBearer, secret: NewSecret, other_workspace: WorkspaceId
) -> None:
    with pytest.raises(Unauthenticated):
        await bearer.prove(other_workspace, signed(secret), used_for="m1", at=NOW)


async def test_pages_that_were_left_open_are_no_guessers(
    bearer: VisitorBearer, secret: NewSecret, clock: Clock
) -> None:
    """Many visitors may be behind one address, and all their tokens expire."""
    authenticator = Authenticator([bearer], guesses=Guesses(1, monotonic=clock.monotonic))
    peer = Peer("192.0.2.1")
    clock.now += timedelta(hours=2)
    for number in range(5):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(signed(secret, jti=str(number)), peer)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(signed(secret, key="x" * 32), peer)
    with pytest.raises(RateLimited):
        await authenticator.authenticate(signed(secret, key="y" * 32), peer)


async def test_a_token_may_prove_more_than_one_identifier_and_groups(
    bearer: VisitorBearer, secret: NewSecret, workspace: WorkspaceId
) -> None:
    token = signed(secret, also={"email": "ann@acme.com", "crm": ["1", "2"]}, groups=["g1"])
    said = await bearer.prove(workspace, token, used_for="m1", at=NOW)
    assert said.identifiers == (("user_id", "ann"), ("email", "ann@acme.com"), ("crm", "1"), ("crm", "2"))
    assert said.groups == ("g1",)
