"""Tokens: which are believed, and which are not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdp.access.principals import PrincipalKind, operator
from cdp.access.tokens import (
    Issuer,
    KeySets,
    TokenBearer,
    Untrusted,
    change_issuer,
    own_audience,
    remove_issuer,
)
from cdp.access.tokens.bearer import LONGEST
from cdp.db.pool import Database
from cdp.errors import Unauthenticated, Unavailable
from cdp.model import WorkspaceId
from cdp.outbound import Outbound, read_networks
from tests.access.tokens.conftest import Clock, trust
from tests.access.tokens.oidc import KEYS, NOW, Oidc, jwk, pem, private_key


async def test_a_token_of_an_issuer_that_the_workspace_trusts_is_good(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """Its bearer may do what it claims, as far as the workspace lets the issuer grant it."""
    token = oidc.token(issuer.audience, scope="profiles:read intent:read pii:read openid", purpose="support")
    assert bearer.recognises(token)
    principal = await bearer.principal(token)
    assert principal.workspace_id == issuer.workspace_id
    assert principal.kind is PrincipalKind.TOKEN
    assert principal.subject == f"token:{issuer.issuer_id}:ann"
    assert principal.scopes == {"profiles:read", "intent:read"}
    assert (principal.name, principal.role, principal.purpose) == ("idp: ann", "TOKEN", "SUPPORT")
    assert (principal.key_id, principal.publishable, principal.visitor) == (0, False, None)


async def test_each_usual_sort_of_key_will_do(bearer: TokenBearer, issuer: Issuer, oidc: Oidc) -> None:
    """Elliptic curves, Ed25519, RSA; also where the issuer does not say what its key is for."""
    names = ("ec-1", "ed25519-1", "rsa-1")
    oidc.keys = [{name: value for name, value in jwk(key).items() if name != "use"} for key in names]
    for key in names:
        assert (await bearer.principal(oidc.token(issuer.audience, key))).subject.endswith(":ann")


def _b64(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _reheaded(token: str, header: dict[str, Any], sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    signed = f"{_b64(header)}.{token.split('.')[1]}"
    return f"{signed}.{_b64(sign(signed.encode()))}"


def _with_shared_secret(token: str, secret: bytes) -> str:
    """What a verifier that takes the public key for a shared secret would believe."""
    return _reheaded(
        token, {"alg": "HS256", "kid": "ec-1"}, lambda text: hmac.digest(secret, text, hashlib.sha256)
    )


def _signed_by(name: str, token: str, header: dict[str, Any]) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, private_key(name), "ES256", headers=header)


FORGED: dict[str, Callable[[Oidc, str], str]] = {
    "alg=none": lambda oidc, to: _reheaded(oidc.token(to), {"alg": "none", "kid": "ec-1"}),
    "alg=None": lambda oidc, to: _reheaded(oidc.token(to), {"alg": "None"}),
    "alg empty": lambda oidc, to: _reheaded(oidc.token(to), {"alg": ""}),
    "alg missing": lambda oidc, to: _reheaded(oidc.token(to), {"kid": "ec-1"}),
    "alg a list": lambda oidc, to: _reheaded(oidc.token(to), {"alg": ["ES256"], "kid": "ec-1"}),
    "no signature": lambda oidc, to: oidc.token(to).rpartition(".")[0] + ".",
    "public key as shared secret": lambda oidc, to: _with_shared_secret(oidc.token(to), pem("ec-1")),
    "empty shared secret": lambda oidc, to: _with_shared_secret(oidc.token(to), b""),
    "wrong key": lambda oidc, to: oidc.token(to, "ec-9", header={"kid": "ec-1"}),
    "unknown key": lambda oidc, to: oidc.token(to, "ec-9"),
    "its own key": lambda oidc, to: _signed_by("ec-9", oidc.token(to), {"kid": "ec-9", "jwk": jwk("ec-9")}),
    "its own key set": lambda oidc, to: _signed_by(
        "ec-9", oidc.token(to), {"kid": "ec-9", "jku": f"{oidc.url}/other", "x5u": f"{oidc.url}/other"}
    ),
    "another sort of key": lambda oidc, to: oidc.token(to, "rsa-1", header={"kid": "ec-1"}),
    "other claims": lambda oidc, to: ".".join(
        (
            (signed := oidc.token(to).split("."))[0],
            _b64({**jwt.decode(".".join(signed), options={"verify_signature": False}), "sub": "root"}),
            signed[2],
        )
    ),
    "no JSON": lambda oidc, to: oidc.token(to, exp=float("nan")),
    "something critical": lambda oidc, to: oidc.token(to, header={"crit": ["exp"]}),
    "a payload elsewhere": lambda oidc, to: oidc.token(to, header={"b64": False, "crit": ["b64"]}),
    "a notice of who logged out": lambda oidc, to: oidc.token(to, header={"typ": "logout+jwt"}),
    "a notice without a type": lambda oidc, to: oidc.token(to, events={"logged-out": {}}),
    "type no text": lambda oidc, to: _reheaded(oidc.token(to), {"alg": "ES256", "kid": "ec-1", "typ": 7}),
    "kid no text": lambda oidc, to: _reheaded(oidc.token(to), {"alg": "ES256", "kid": {"a": 1}}),
    "another issuer": lambda oidc, to: oidc.token(to, iss="https://login.example.com"),
    "issuer with a slash": lambda oidc, to: oidc.token(to, iss=f"{oidc.url}/"),
    "issuer missing": lambda oidc, to: oidc.token(to, iss=None),
    "issuer a list": lambda oidc, to: oidc.token(to, iss=[oidc.url]),
    "another audience": lambda oidc, _to: oidc.token("https://api.example.com"),
    "another workspace": lambda oidc, _to: oidc.token(own_audience(WorkspaceId(999))),
    "audience longer": lambda oidc, to: oidc.token(f"{to}x"),
    "audience missing": lambda oidc, to: oidc.token(to, aud=None),
    "audience a number": lambda oidc, to: oidc.token(to, aud=[7]),
    "audiences without end": lambda oidc, to: oidc.token(to, aud=[to, *map(str, range(500))]),
}


async def test_tokens_for_access_are_taken_by_whatever_type_issuers_give_them(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """RFC 9068 has a type of its own; most have none, or the general one."""
    for typ in ("JWT", "jwt", "at+jwt", "application/at+jwt", ""):
        assert await bearer.principal(oidc.token(issuer.audience, header={"typ": typ}))


async def test_what_the_issuer_did_not_sign_for_this_workspace_is_refused(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """And all in the same words: who tries does not learn how near they came."""
    await bearer.principal(oidc.token(issuer.audience))
    said = {name: await refusal(bearer, forge(oidc, issuer.audience)) for name, forge in FORGED.items()}
    assert said == dict.fromkeys(FORGED, "This token is not one that this server trusts.")
    assert "/other" not in oidc.asked


async def refusal(bearer: TokenBearer, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await bearer.principal(token)
    return refused.value.message


NOT_GOOD: list[tuple[dict[str, Any], str]] = [
    ({"exp": NOW.timestamp() - 61}, "has expired"),
    ({"exp": None}, "never expires"),
    ({"exp": "tomorrow"}, "`exp` of this token is no time"),
    ({"exp": 1e300}, "is no time"),
    ({"exp": 10**300}, "is no time"),
    ({"exp": True}, "is no time"),
    ({"iat": NOW.timestamp() + 61}, "not valid yet"),
    ({"nbf": NOW.timestamp() + 61}, "not valid yet"),
    ({"exp": NOW.timestamp() + 25 * 3600}, "lives longer"),
    ({"exp": NOW.timestamp() + 25 * 3600, "iat": None}, "lives longer"),
    ({"exp": NOW.timestamp() + 10, "iat": NOW.timestamp() - 25 * 3600}, "lives longer"),
    ({"sub": None}, "whose it is"),
    ({"sub": ""}, "whose it is"),
    ({"sub": "a\nb"}, "whose it is"),
    ({"sub": "a" * 256}, "whose it is"),
    ({"scope": "openid"}, "nothing that it claims"),
    ({"scope": None}, "nothing that it claims"),
]


async def test_what_the_issuer_signed_and_is_not_good_is_refused_with_the_reason(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """Expired, not valid yet, without an end, too long a life, of nobody, for nothing."""
    for claims, why in NOT_GOOD:
        assert why in await refusal(bearer, oidc.token(issuer.audience, **claims)), claims


async def test_clocks_may_differ_by_a_minute(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """Of the issuer before ours, and of ours before the issuer's; then a token has expired, also a remembered one."""
    ahead = oidc.token(issuer.audience, at=NOW + timedelta(seconds=59), lives=600)
    assert await bearer.principal(ahead)
    token = oidc.token(issuer.audience, lives=600)
    for clock.seconds in (0.0, 0.5, 600.0, 659.5):
        assert await bearer.principal(token)
    clock.seconds = 660.0
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="has expired"):
            await bearer.principal(token)


async def test_a_token_that_is_too_long_is_refused_unread(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    longest = oidc.token(issuer.audience, padding="a" * 5000)
    assert len(longest) < LONGEST
    assert await bearer.principal(longest)
    with pytest.raises(Unauthenticated, match="at most 8,192 characters"):
        await bearer.principal(oidc.token(issuer.audience, padding="a" * 6200))
    with pytest.raises(Unauthenticated, match="at most 8,192 characters"):
        await bearer.principal("a." * 2 + "a" * 1_000_000)


async def test_only_what_the_workspace_takes_is_a_signature(
    database: Database, workspace: WorkspaceId, oidc: Oidc, bearer: TokenBearer
) -> None:
    """Whatever else the issuer signs with."""
    oidc.keys = [jwk("ec-1"), jwk("rsa-1")]
    issuer = await trust(database, workspace, oidc.url, algorithms=("ES256",))
    assert await bearer.principal(oidc.token(issuer.audience))
    with pytest.raises(Untrusted) as refused:
        await bearer.principal(oidc.token(issuer.audience, "rsa-1"))
    assert "RS256" in refused.value.why


async def test_a_key_is_for_what_its_issuer_says_that_it_is_for(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """A key for PS256 checks no RS256."""
    oidc.keys = [jwk("rsa-1", alg="PS256")]
    with pytest.raises(Untrusted):
        await bearer.principal(oidc.token(issuer.audience, "rsa-1"))


async def test_without_the_id_of_a_key_there_has_to_be_one_alone(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    bare = jwt.encode(
        jwt.decode(oidc.token(issuer.audience), options={"verify_signature": False}),
        private_key("ec-1"),
        "ES256",
    )
    assert await bearer.principal(bare)
    oidc.keys = [jwk("ec-1"), jwk("ec-2")]
    clock.seconds += 700
    with pytest.raises(Untrusted):
        await bearer.principal(bare)


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
@given(
    st.one_of(
        st.text(max_size=40).map(lambda text: f"{text}.{text}.{text}"),
        st.binary(max_size=60).map(lambda junk: f"{_b64(junk)}.{_b64(junk)}.{_b64(junk)}"),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["alg", "kid", "iss", "aud", "crit", "b64"]), inner)
            ),
        ).map(lambda value: f"{_b64({'alg': 'ES256'})}.{_b64(value)}.{_b64(b'x')}"),
        st.integers(500, 3000).map(lambda deep: f"{_b64(b'[' * deep)}.{_b64(b'[' * deep)}.x"),
        st.integers(500, 3000).map(lambda deep: f"{_b64({'alg': 'ES256'})}.{_b64(b'[' * deep)}.x"),
    )
)
async def test_no_junk_is_more_than_refused(bearer: TokenBearer, junk: str) -> None:
    """Whatever is written into the three parts."""
    with pytest.raises(Unauthenticated):
        await bearer.principal(junk)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(st.integers(0), st.sampled_from("ABYZabyz0189-_=.+/ é\n"))
async def test_no_character_of_a_token_can_be_another(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, place: int, character: str
) -> None:
    """Not even one whose bits do not count."""
    token = oidc.token(issuer.audience)
    at = place % len(token)
    if token[at] != character:
        with pytest.raises(Unauthenticated):
            await bearer.principal(token[:at] + character + token[at + 1 :])


async def test_a_token_for_two_workspaces_is_let_into_neither(
    database: Database, workspace: WorkspaceId, other_workspace: WorkspaceId, oidc: Oidc, bearer: TokenBearer
) -> None:
    """It must be told of each which it is for; and then it is for that one alone."""
    ours, theirs = [await trust(database, each, oidc.url) for each in (workspace, other_workspace)]
    for one in (ours, theirs):
        assert (await bearer.principal(oidc.token([one.audience, "me"]))).workspace_id == one.workspace_id
    with pytest.raises(Untrusted) as refused:
        await bearer.principal(oidc.token([ours.audience, theirs.audience]))
    assert "several workspaces" in refused.value.why


async def test_what_a_workspace_ends_is_dead_within_a_second_in_every_process(
    database: Database, issuer: Issuer, oidc: Oidc, bearer: TokenBearer, clock: Clock
) -> None:
    """An issuer switched off, one that is gone, and tokens of before: also those that were good a moment ago."""
    http = Outbound(allowed=read_networks("127.0.0.0/8"))
    elsewhere = TokenBearer(
        database, KeySets(http, monotonic=clock.monotonic), clock=clock.now, monotonic=clock.monotonic
    )
    processes = (bearer, elsewhere)
    token = oidc.token(issuer.audience)

    async def change(**changes: Any) -> None:
        async with database.transaction(issuer.workspace_id) as connection:
            granter = operator(issuer.workspace_id)
            await change_issuer(connection, granter, issuer.issuer_id, now=clock.now(), **changes)
        clock.seconds += 1.0

    async def good() -> list[bool]:
        found = await asyncio.gather(*(one.principal(token) for one in processes), return_exceptions=True)
        assert all(isinstance(one, Unauthenticated) for one in found if isinstance(one, BaseException))
        return [not isinstance(one, BaseException) for one in found]

    assert await good() == [True, True]
    await change(enabled=False)
    assert await good() == [False, False]
    await change(enabled=True)
    assert await good() == [True, True]
    await change(issued_since=NOW + timedelta(seconds=1))
    assert await good() == [False, False]
    await change(issued_since=NOW)
    assert await good() == [True, True]
    async with database.transaction(issuer.workspace_id) as connection:
        await remove_issuer(connection, issuer.workspace_id, issuer.issuer_id)
    clock.seconds += 1.0
    assert await good() == [False, False]


async def test_a_token_is_checked_once_and_its_keys_are_fetched_once(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many come with it, and at once."""
    checked = 0
    real = jwt.decode

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal checked
        checked += 1
        return real(*arguments, **named)

    monkeypatch.setattr("cdp.access.tokens.bearer.jwt.decode", counted)
    token = oidc.token(issuer.audience)
    for clock.seconds in (0.0, 0.4, 0.9, 1.5, 30.0, 200.0):
        assert await bearer.principal(token) is await bearer.principal(token)
    assert (checked, oidc.count(KEYS)) == (1, 1)


async def test_tokens_are_remembered_in_bounded_numbers(
    database: Database, keysets: KeySets, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """And not themselves: only their hash."""
    bearer = TokenBearer(database, keysets, clock=clock.now, monotonic=clock.monotonic, remembered=3)
    tokens = [oidc.token(issuer.audience, sub=f"person {number}") for number in range(6)]
    for token in tokens:
        await bearer.principal(token)
    assert [one.principal.name for one in bearer._known.values()] == [
        f"idp: person {number}" for number in (3, 4, 5)
    ]
    assert not any(token.split(".")[2] in repr(vars(bearer)) for token in tokens)


async def test_issuers_that_nobody_trusts_reach_the_database_through_a_narrow_door(
    database: Database, keysets: KeySets, oidc: Oidc
) -> None:
    """A flood of tokens of made-up issuers is told to come again, and no issuer is asked for anything."""
    bearer = TokenBearer(database, keysets)
    tokens = [oidc.token("me", iss=f"https://{number}.example.com") for number in range(400)]
    found = await asyncio.gather(*(bearer.principal(one) for one in tokens), return_exceptions=True)
    assert {type(one) for one in found} == {Untrusted, Unavailable}
    assert oidc.asked == []
