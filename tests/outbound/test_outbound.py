"""The one way out: to public addresses alone, whatever name, number or redirect leads elsewhere; and bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdp.errors import Misconfigured, OutboundFailed, OutboundRefused
from cdp.outbound import Outbound, read_networks
from cdp.outbound.addresses import is_allowed, is_public
from tests.enrichment.bureau import hang_up, listen

HERE = read_networks("127.0.0.0/8, ::1")
Answer = Callable[[str, dict[str, str]], bytes]


@asynccontextmanager
async def serving(answer: Answer, *, stall: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """A server of HTTP/1.1 whose answers are bytes; its address, and the request lines that it has seen."""
    seen: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await take(reader, writer)
        finally:
            await hang_up(writer)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.strip().split("\r\n")
        headers = dict(one.lower().split(": ", 1) for one in rest)
        seen.append(line)
        length = int(headers.get("content-length", 0))
        body = await reader.readexactly(length) if length else b""
        writer.write(answer(line, headers | {"": body.decode()}))
        with suppress(ConnectionError):
            await writer.drain()
        if stall:
            await reader.read()

    server, end = await listen(handle)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        await end()


def says(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "255.255.255.255", "198.18.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_of_a_network_of_our_own_is_public(address: str) -> None:
    """Nor one that carries such an address inside."""
    assert not is_public(ip_address(address))


def test_addresses_of_the_internet_are_public_and_networks_can_be_allowed() -> None:
    """The wrapping of an allowed address is the allowed address."""
    for address in ("1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"):
        assert is_public(ip_address(address))
    assert is_allowed(ip_address("10.1.2.3"), read_networks("10.1.0.0/16"))
    assert is_allowed(ip_address("::ffff:10.1.2.3"), read_networks("10.1.0.0/16"))
    assert not is_allowed(ip_address("10.2.2.3"), read_networks("10.1.0.0/16"))
    with pytest.raises(Misconfigured, match="CDP_OUTBOUND_ALLOW"):
        read_networks("the intranet")


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="169.254.0.0/16"))
def test_no_wrapping_makes_a_private_address_public(address: object) -> None:
    """Mapped, translated, or as a relay."""
    number = int(ip_address(str(address)))
    wrapped = ((0xFFFF << 32) + number, (0x0064FF9B << 96) + number, (0x2002 << 112) + (number << 80))
    assert not any(is_public(IPv6Address(one)) for one in wrapped)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0"]
)
async def test_no_way_of_writing_this_machine_leads_to_it(host: str) -> None:
    """The server is there, and is not asked."""
    async with serving(lambda *_: says(b"secret")) as (address, seen):
        with pytest.raises(OutboundRefused):
            await Outbound().get(address.replace("127.0.0.1", host))
        assert (await Outbound(allowed=HERE).get(address)).body == b"secret"
        assert seen == ["GET / HTTP/1.1"]


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/", "file:///etc/passwd", "http://", "//example.com", "http://a:b@example.com/",
     "http://example.com:99999/", "http://exa mple.com/", "http://example.com/\r\nX: y", "http://example.com/ü",
     "gopher://127.0.0.1:6379/_FLUSHALL", "http://" + "a" * 70 + ".com/"],
)  # fmt: skip
async def test_what_is_no_url_of_the_web_is_refused(url: str) -> None:
    """Before anything is looked up."""
    with pytest.raises(OutboundRefused):
        await Outbound(allowed=HERE).get(url)


async def test_a_redirect_goes_where_a_request_may_go_and_no_secret_goes_along() -> None:
    """To a network that is not allowed it is refused; another origin is not told the headers that were given."""
    got: list[dict[str, str]] = []

    def second(_line: str, headers: dict[str, str]) -> bytes:
        got.append(headers)
        return says(b"there")

    async with serving(second) as (there, _):

        def first(line: str, _headers: dict[str, str]) -> bytes:
            where = there if "/on" in line else "http://10.0.0.1/"
            return says(b"", status="302 Found", headers=f"Location: {where}/path\r\n")

        async with serving(first) as (here, _):
            http = Outbound(allowed=HERE)
            secret = {"Authorization": "Bearer s3cret", "Accept": "application/json"}
            answer = await http.get(f"{here}/on", headers=secret)
            assert (answer.body, answer.url) == (b"there", f"{there}/path")
            assert "authorization" not in got[0]
            assert got[0]["accept"] == "application/json"
            with pytest.raises(OutboundRefused, match="not public"):
                await http.get(f"{here}/off")
            assert (await http.request("POST", f"{here}/on", json={})).status == 302


async def test_answers_are_bounded_in_size_and_time() -> None:
    """Whether the length is declared or not, packed or not, sent slowly or never."""
    endless = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 100_000
    http = Outbound(allowed=HERE, most_bytes=10_000)
    async with serving(lambda *_: endless) as (address, _):
        with pytest.raises(OutboundFailed, match="more than 10000 bytes"):
            await http.get(address)
    async with serving(lambda *_: says(b"?", headers="Content-Encoding: gzip\r\n")) as (address, _):
        with pytest.raises(OutboundFailed, match="compressed"):
            await http.get(address)
    async with serving(lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", stall=True) as (
        address,
        _,
    ):
        with pytest.raises(OutboundFailed, match="within 0.05 seconds"):
            await http.get(address, timeout=0.05)
    async with serving(lambda *_: b"SSH-2.0-OpenSSH\r\n\r\n") as (address, _):
        with pytest.raises(OutboundFailed, match="RemoteProtocolError"):
            await http.get(address)
    with pytest.raises(OutboundFailed, match="ConnectError"):
        await http.get(address)
    with pytest.raises(OutboundRefused, match="10000 bytes"):
        await http.post(address, content=b"x" * 10_001)


async def test_json_goes_out_and_comes_in_and_no_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says of proxies is not for plugins."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    echo: list[dict[str, str]] = []

    def answer(_line: str, headers: dict[str, str]) -> bytes:
        echo.append(headers)
        return says(b'{"n": [1]}', status="429 Slow down", headers="Retry-After: 7\r\nX-A: 1\r\nX-A: 2\r\n")

    async with serving(answer) as (address, seen):
        http = Outbound(allowed=HERE)
        got = await http.post(f"{address}/p", json={"a": 1})
        await http.get(f"{address}/q?x=1", params={"é": "a&b"})
    assert (got.json(), got.ok, got.status, got.retry_after(), got.headers["x-a"]) == (
        {"n": [1]}, False, 429, 7.0, "1, 2"
    )  # fmt: skip
    assert (echo[0][""], echo[0]["content-type"]) == ('{"a":1}', "application/json")
    assert seen == ["POST /p HTTP/1.1", "GET /q?x=1&%C3%A9=a%26b HTTP/1.1"]


async def test_a_header_cannot_smuggle_another_request() -> None:
    """Line ends in values are refused."""
    async with serving(lambda *_: says(b"")) as (address, seen):
        with pytest.raises(OutboundRefused, match="malformed"):
            await Outbound(allowed=HERE).get(address, headers={"X-A": "1\r\nX-B: 2"})
    assert seen == []
