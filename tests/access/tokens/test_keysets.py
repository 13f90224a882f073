"""Keys of issuers: fetched once, renewed, rotated, and kept on while their issuer is away."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from cdp.access.tokens import Issuer, KeySets, TokenBearer, Untrusted
from cdp.access.tokens.keysets import AGAIN_SECONDS, KEEP_SECONDS, RENEW_SECONDS, WAIT_SECONDS
from cdp.db.pool import Database
from cdp.errors import Unavailable
from cdp.model import WorkspaceId
from cdp.outbound import Outbound, read_networks
from cdp.telemetry import Watch, watched_by
from cdp.web.exposition import page
from cdp.web.metrics import Metrics
from tests.access.tokens.conftest import Clock, trust
from tests.access.tokens.oidc import DISCOVERY, KEYS, Oidc, jwk, ok, private_key

HALF_A_YEAR = 180 * 86_400


async def settled(keysets: KeySets) -> None:
    """Let what is fetched beside requests arrive."""
    tasks = [one.fetching for one in keysets._held.values() if one.fetching is not None]
    await asyncio.gather(*tasks)


async def test_a_new_key_is_found_as_soon_as_a_token_names_it(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """And the old one is good for as long as the issuer shows it."""
    old, new = oidc.token(issuer.audience), oidc.token(issuer.audience, "ec-2")
    await bearer.principal(old)
    oidc.keys = [jwk("ec-1"), jwk("ec-2")]
    clock.seconds += AGAIN_SECONDS
    assert (await bearer.principal(new)).subject == (await bearer.principal(old)).subject
    assert oidc.count() == 2
    oidc.keys = [jwk("ec-2")]
    clock.seconds += AGAIN_SECONDS
    with pytest.raises(Untrusted):
        await bearer.principal(oidc.token(issuer.audience, "ec-3"))
    for token in (old, oidc.token(issuer.audience)):
        with pytest.raises(Untrusted):
            await bearer.principal(token)
    assert await bearer.principal(new)


async def test_a_key_that_its_issuer_withdraws_is_dead_in_ten_minutes(
    bearer: TokenBearer, keysets: KeySets, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """In half that time where tokens keep coming, which are not held up for it; and remembered ones too."""
    token = oidc.token(issuer.audience, lives=80_000)
    assert await bearer.principal(token)
    oidc.keys = [jwk("ec-2")]
    clock.seconds += RENEW_SECONDS + 1
    oidc.gate.clear()
    assert await bearer.principal(token)
    oidc.gate.set()
    await settled(keysets)
    with pytest.raises(Untrusted):
        await bearer.principal(token)
    oidc.keys = [jwk("ec-1")]
    clock.seconds += AGAIN_SECONDS
    assert await bearer.principal(token)
    oidc.keys = [jwk("ec-2")]
    clock.seconds += WAIT_SECONDS + 1
    with pytest.raises(Untrusted):
        await bearer.principal(token)


async def test_another_key_under_the_same_id_is_another_key(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    token = oidc.token(issuer.audience, lives=80_000)
    assert await bearer.principal(token)
    oidc.keys = [jwk("ec-2", kid="ec-1")]
    clock.seconds += WAIT_SECONDS + 1
    with pytest.raises(Untrusted):
        await bearer.principal(token)


async def test_an_outage_of_the_issuer_goes_unnoticed_for_a_day(
    bearer: TokenBearer, keysets: KeySets, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """Its keys stay good, nobody waits for it, and it is asked every ten seconds at most; then they are too old."""
    held = oidc.token(issuer.audience, lives=86_300)
    assert await bearer.principal(held)
    oidc.away = True
    clock.seconds += WAIT_SECONDS + 1
    with capture_logs() as logged:
        assert await bearer.principal(held)
    assert [(one["event"], one["issuer"]) for one in logged] == [("issuer_keys_not_renewed", oidc.url)]
    asked = oidc.count(DISCOVERY)
    oidc.gate.clear()
    for _ in range(50):
        assert await bearer.principal(oidc.token(issuer.audience, sub=f"{_}", lives=7200))
    clock.seconds += AGAIN_SECONDS
    for _ in range(50):
        assert await bearer.principal(held)
    oidc.gate.set()
    await settled(keysets)
    assert oidc.count(DISCOVERY) == asked + 1
    with pytest.raises(Unavailable):
        await bearer.principal(oidc.token(issuer.audience, "ec-2"))
    clock.seconds = KEEP_SECONDS - 120
    assert await bearer.principal(held)
    await settled(keysets)
    clock.seconds = KEEP_SECONDS
    with pytest.raises(Unavailable):
        await bearer.principal(oidc.token(issuer.audience, at=clock.now()))
    oidc.away = False
    clock.seconds += AGAIN_SECONDS
    assert await bearer.principal(oidc.token(issuer.audience, at=clock.now()))


async def test_an_issuer_that_is_away_from_the_beginning_makes_nobody_a_stranger(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """Its bearers are told to come again, and are let in as soon as it is back."""
    oidc.away = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await bearer.principal(oidc.token(issuer.audience))
    assert oidc.asked == [DISCOVERY]
    oidc.away = False
    clock.seconds += AGAIN_SECONDS
    assert await bearer.principal(oidc.token(issuer.audience))


async def test_a_hundred_requests_at_once_fetch_the_keys_once(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc
) -> None:
    """Also if the one that came first goes away."""
    oidc.gate.clear()
    tokens = [oidc.token(issuer.audience, sub=f"person {number}") for number in range(100)]
    asking = [asyncio.create_task(bearer.principal(token)) for token in tokens]
    await oidc.arrived.wait()
    asking[0].cancel()
    oidc.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert [type(one).__name__ for one in found] == ["CancelledError"] + ["Principal"] * 99
    assert oidc.asked == [DISCOVERY, KEYS]


async def test_tokens_of_made_up_keys_do_not_make_us_a_nuisance_to_the_issuer(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """It is asked again every ten seconds, whatever comes."""
    for step in range(60):
        clock.seconds = step / 2
        with pytest.raises(Untrusted):
            await bearer.principal(oidc.token(issuer.audience, "ec-9", header={"kid": f"made up {step}"}))
    assert oidc.count() == 3


async def test_what_is_no_public_key_for_signatures_is_left_out(
    bearer: TokenBearer, keysets: KeySets, issuer: Issuer, oidc: Oidc
) -> None:
    """Secrets, private keys, keys to encrypt with, short ones, curves and sorts that nobody asked for."""
    import jwt as library
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    rsa_jwk, ec_jwk = library.get_algorithm_by_name("RS256"), library.get_algorithm_by_name("ES256")
    short = rsa.generate_private_key(65537, 1024).public_key()
    oidc.keys = [
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"},
        {**ec_jwk.to_jwk(private_key("ec-1"), as_dict=True), "kid": "private"},
        jwk("ec-1", kid="to encrypt with", use="enc"),
        {**rsa_jwk.to_jwk(short, as_dict=True), "kid": "short"},
        {**ec_jwk.to_jwk(ec.generate_private_key(ec.SECP256K1()).public_key(), as_dict=True), "kid": "coin"},
        jwk("ec-1", kid="for a secret", alg="HS256"),
        jwk("ec-1", kid=["a", "list"]),
        {"kty": "EC", "kid": "broken", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kid": "nothing"},
        {**jwk("ec-1", kid="from afar"), "x5u": f"{oidc.url}/certificate"},
        jwk("ec-1"),
    ]
    found = await keysets.look(issuer)
    assert [(one.kid, one.algorithms) for one in found] == [
        ("from afar", {"ES256"}),
        ("ec-1", {"ES256"}),
    ]
    assert await bearer.principal(oidc.token(issuer.audience))
    assert set(oidc.asked) == {DISCOVERY, KEYS}


DISCOVERED: list[dict[str, Any]] = [
    {"issuer": "https://login.example.com"},
    {"issuer": None},
    {"jwks_uri": None},
    {"jwks_uri": "http://login.example.com/keys"},
    {"jwks_uri": "file:///etc/passwd"},
    {"jwks_uri": "https://user:password@login.example.com/keys"},
    {"jwks_uri": ["https://login.example.com/keys"]},
]


async def test_a_discovery_document_that_is_not_to_be_trusted_is_none(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """Another issuer's, or one that sends us where anybody could stand in between."""
    for oidc.discovery in DISCOVERED:
        clock.seconds += AGAIN_SECONDS
        with pytest.raises(Unavailable):
            await bearer.principal(oidc.token(issuer.audience))
    assert oidc.asked == [DISCOVERY] * len(DISCOVERED)


NONSENSE = (
    b"HTTP/1.1 302 .\r\nLocation: http://127.0.0.1:1/keys\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 500 .\r\nContent-Length: 0\r\n\r\n",
    ok(b"[]"),
    ok(b"null"),
    ok(b"{"),
    ok(b"[" * 60_000),
    ok({"keys": {}}),
    ok({"keys": []}),
    ok({"keys": ["a", 7, None]}),
    ok(b" " * 70_000),
    b"HTTP/1.1 200 OK\r\n\r\n" + b"{" * 70_000,
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    b"",
)


async def test_what_becomes_of_attempts_at_keys_is_counted(
    bearer: TokenBearer, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    metrics = Metrics()
    with watched_by(Watch(metrics)):
        assert await bearer.principal(oidc.token(issuer.audience))
        oidc.away = True
        for clock.seconds in (WAIT_SECONDS + 1, WAIT_SECONDS + 5, WAIT_SECONDS + 1 + AGAIN_SECONDS):
            with pytest.raises(Unavailable):
                await bearer.principal(oidc.token(issuer.audience, "ec-2"))
    shown = page(metrics.families()).decode()
    assert 'cdp_issuer_keys_total{outcome="renewed"} 1.0' in shown
    assert 'cdp_issuer_keys_total{outcome="failed"} 2.0' in shown


async def test_an_issuer_that_answers_nonsense_is_as_one_that_is_away(
    bearer: TokenBearer, keysets: KeySets, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """What was known of its keys stands."""
    assert await bearer.principal(oidc.token(issuer.audience))
    for answer in NONSENSE:
        oidc.answer = lambda path, said=answer: said if path == KEYS else None
        clock.seconds += WAIT_SECONDS + 1
        before = oidc.count()
        assert await bearer.principal(oidc.token(issuer.audience, at=clock.now()))
        with pytest.raises(Unavailable):
            await bearer.principal(oidc.token(issuer.audience, "ec-2", at=clock.now()))
        await settled(keysets)
        assert oidc.count() == before + 1


async def test_an_issuer_may_not_send_us_into_the_operator_s_network(
    database: Database, issuer: Issuer, oidc: Oidc, clock: Clock
) -> None:
    """Keys are fetched by the one way out, which knows public addresses and those that the operator allows."""
    keysets = KeySets(Outbound(), monotonic=clock.monotonic)
    bearer = TokenBearer(database, keysets, clock=clock.now, monotonic=clock.monotonic)
    with capture_logs() as logged, pytest.raises(Unavailable):
        await bearer.principal(oidc.token(issuer.audience))
    assert [one["code"] for one in logged] == ["OUTBOUND_REFUSED"]
    assert oidc.asked == []


async def test_an_issuer_without_a_discovery_document_says_where_its_keys_are(
    database: Database, workspace: WorkspaceId, oidc: Oidc, bearer: TokenBearer
) -> None:
    issuer = await trust(database, workspace, oidc.url, jwks_url=f"{oidc.url}{KEYS}")
    assert await bearer.principal(oidc.token(issuer.audience))
    assert oidc.asked == [KEYS]


async def test_an_issuer_s_hundred_keys_are_enough(keysets: KeySets, issuer: Issuer, oidc: Oidc) -> None:
    oidc.keys = [jwk("ec-1", kid=f"key {number}") for number in range(150)]
    assert len(json.dumps(oidc.keys)) < 64 * 1024
    assert len(await keysets.look(issuer)) == 100


async def test_what_is_being_fetched_ends_with_the_process(issuer: Issuer, oidc: Oidc) -> None:
    keysets = KeySets(Outbound(allowed=read_networks("127.0.0.0/8")))
    oidc.gate.clear()
    finding = asyncio.create_task(keysets.find(issuer, "ec-1", "ES256"))
    await oidc.arrived.wait()
    await keysets.aclose()
    with pytest.raises(asyncio.CancelledError):
        await finding
