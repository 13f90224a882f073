"""Keys stay where they belong, and change within a second."""

from __future__ import annotations

import asyncpg
import pytest
from msgspec.structs import replace

from cdp.access import Authenticator, Peer, Scope
from cdp.access.keys import list_keys
from cdp.db.migrate import migrations_folder
from cdp.errors import BadInput, Unauthenticated
from cdp.model import WorkspaceId
from tests.access.keyring import ANYWHERE, DAY, NOW, Clock, Keyring


async def test_a_key_is_good_from_its_networks_alone(keyring: Keyring, authenticator: Authenticator) -> None:
    """Also where the address is an IPv4 one in the clothes of IPv6; who does not say where from is refused."""
    token = (await keyring.make("SALES", networks=["203.0.113.0/24", "2001:db8::/32", "192.0.2.7"])).token
    for address in ("203.0.113.9", "::ffff:203.0.113.9", "2001:db8::1", "192.0.2.7"):
        assert (await authenticator.authenticate(token, Peer(address))).role == "SALES"
    for peer in (
        ANYWHERE,
        Peer("192.0.2.8"),
        Peer("2001:db9::1"),
        Peer(None),
        Peer("a socket"),
        None,
    ):
        with pytest.raises(Unauthenticated, match="may not be used from here"):
            await authenticator.authenticate(token, peer)


async def test_a_public_key_is_good_from_its_web_pages_alone(
    keyring: Keyring, authenticator: Authenticator
) -> None:
    origins = ["https://Shop.Example.com:443", "http://localhost:3000/"]
    made = await keyring.make("INGEST", origins=origins)
    assert made.key.origins == {"https://shop.example.com", "http://localhost:3000"}
    for origin in made.key.origins:
        await authenticator.authenticate(made.token, Peer("198.51.100.1", origin))
    for origin in ("https://shop.example.com.evil.test", "http://shop.example.com", "null", None):
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(made.token, Peer("198.51.100.1", origin))


async def test_places_that_are_none_are_refused_with_an_example(keyring: Keyring) -> None:
    for networks in (["203.0.113.7/24"], ["example.com"], ["203.0.113.0/33"], ["10.0.0.0/8"] * 101):
        with pytest.raises(BadInput) as refused:
            await keyring.make("SALES", networks=networks)
        assert refused.value.field[0] == "networks"
    for origins in (["shop.example.com"], ["https://shop.example.com/path"], ["*"], ["https://a b"]):
        with pytest.raises(BadInput, match="https://shop.example.com"):
            await keyring.make("INGEST", origins=origins)
    with pytest.raises(BadInput, match="no business in a web page"):
        await keyring.make("SALES", origins=["https://shop.example.com"])


async def test_a_change_of_a_key_holds_within_a_second_and_touches_nothing_else(
    keyring: Keyring, authenticator: Authenticator, clock: Clock, workspace: WorkspaceId
) -> None:
    made = await keyring.make("SALES", networks=["203.0.113.0/24"], expires_at=NOW + DAY)
    await authenticator.authenticate(made.token, Peer("203.0.113.1"))
    await keyring.update(made.key.key_id, role="support")
    clock.seconds = 1.0
    principal = await authenticator.authenticate(made.token, Peer("203.0.113.1"))
    assert (principal.role, Scope.INTENT_READ in principal.scopes) == ("SUPPORT", False)
    await keyring.update(made.key.key_id, name="desk", networks=[], expires_at=None)
    (key,) = await list_keys(keyring.database, workspace)
    assert key == replace(
        made.key, name="desk", role="SUPPORT", scopes=principal.scopes, networks=(), expires_at=None
    )
    clock.seconds = 2.0
    assert (await authenticator.authenticate(made.token, ANYWHERE)).name == "desk"


async def test_a_secret_key_never_becomes_a_public_one_nor_the_other_way_round(keyring: Keyring) -> None:
    secret, public = await keyring.make("SALES"), await keyring.make("INGEST")
    for key, role in ((secret, "INGEST"), (public, "ADMIN")):
        with pytest.raises(BadInput, match="Publishable keys have the role INGEST"):
            await keyring.update(key.key.key_id, role=role)


async def test_a_key_cannot_be_made_for_the_past(keyring: Keyring) -> None:
    with pytest.raises(BadInput, match="cannot expire before"):
        await keyring.make("SALES", expires_at=NOW)
    made = await keyring.make("SALES")
    with pytest.raises(BadInput, match="cannot expire before"):
        await keyring.update(made.key.key_id, expires_at=NOW)


async def test_keys_with_limits_end_where_the_schema_goes_back_to_before_them(
    keyring: Keyring, owner: asyncpg.Connection, superuser: asyncpg.Connection
) -> None:
    """The servers of that version would let them in from anywhere."""
    await keyring.define("OWN", "profiles:read")
    for name, role, given in (
        ("plain", "SALES", {}),
        ("placed", "SALES", {"networks": ["192.0.2.1"]}),
        ("paged", "INGEST", {"origins": ["https://shop.example.com"]}),
        ("own", "OWN", {}),
    ):
        await keyring.make(role, name=name, **given)
    for path in sorted(migrations_folder().glob("2026112400001[0-9]_*.sql"), reverse=True):
        _, _, down = path.read_text().partition("-- migrate:down")
        await owner.execute(down.removeprefix(" transaction:false"))
    rows = await superuser.fetch("SELECT name, revoked_at IS NULL AS good FROM api_key")
    assert dict(rows) == {"plain": True, "placed": False, "paged": False, "own": False}
