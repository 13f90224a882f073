"""Answers before they leave: compressed where large, named by their content where a client may keep them.

Compressing what an outsider wrote beside what it must not learn tells it something by the length (BREACH). Here nobody
can make a browser ask with somebody else's key, since keys come in a header and never in a cookie, and no answer holds
a key. What is left is an outsider who sends events about a person, sees how long the (encrypted) answers are that a
colleague's page fetches about that person, and guesses: so compressed answers have a header of random length, small
ones are not compressed, and streams, which answer every event at once, never are.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import random
from functools import lru_cache
from typing import Literal, TypeAlias

import brotli
from starlette.requests import Request
from starlette.responses import Response

Coding: TypeAlias = Literal["br", "gzip"]

SMALLEST = 4_096
"""Bytes of an answer that is worth compressing."""
LONG = 256_000
"""Bytes of an answer whose compression would keep others waiting."""
LEVEL = 1
"""Of both: twice as quick as the next ones, and JSON that repeats its keys becomes a sixth all the same."""
PADDING = 64
"""Most characters of the header whose length says nothing."""

VARY = "Accept, Accept-Encoding, Authorization, X-Api-Key"
_OF_POST = [(b"vary", VARY.encode()), (b"cache-control", b"no-store")]


async def pack(request: Request, response: Response) -> Response:
    """The response as it is sent. No proxy keeps it; a client may keep what came by GET, and ask if it still holds."""
    if request.method == "GET":
        if (unchanged := _name(request, response)) is not None:
            return unchanged
    else:
        response.raw_headers += _OF_POST
    if len(response.body) >= SMALLEST:
        coding = coding_of(request.headers.get("accept-encoding", ""))
        if coding is not None:
            await _compress(response, coding)
    return response


def _name(request: Request, response: Response) -> Response | None:
    """Name an answer to GET by its content; the answer is what is sent in its place, where the client has it."""
    headers = response.headers
    headers["Vary"] = VARY
    if response.status_code != 200 or b'"errors"' in bytes(response.body[:9]):
        headers["Cache-Control"] = "no-store"
        return None
    etag = f'W/"{hashlib.blake2b(response.body, digest_size=16).hexdigest()}"'
    headers["Cache-Control"] = "private, no-cache"
    headers["ETag"] = etag
    if etag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
        kept = {name: headers[name] for name in ("Cache-Control", "ETag", "Vary")}
        return Response(status_code=304, headers=kept)
    return None


async def _compress(response: Response, coding: Coding) -> None:
    body = bytes(response.body)
    if len(body) < LONG:
        response.body = compress(body, coding)
    else:
        response.body = await asyncio.to_thread(compress, body, coding)
    headers = response.headers
    headers["Content-Encoding"] = coding
    headers["Content-Length"] = str(len(response.body))
    headers["X-Padding"] = "x" * random.randint(1, PADDING)  # noqa: S311 - noise, not a secret


def compress(body: bytes, coding: Coding) -> bytes:
    """A body in this coding."""
    if coding == "br":
        packed: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=LEVEL)
        return packed
    return gzip.compress(body, LEVEL, mtime=0)


@lru_cache(256)
def coding_of(accept_encoding: str) -> Coding | None:
    """The coding that a client likes best, Brotli among equals; None: it takes neither, or would rather have none."""
    liked: dict[str, float] = {}
    for part in accept_encoding.split(","):
        name, _, parameters = (one.strip().lower() for one in part.partition(";"))
        liked[name] = _quality(parameters)
    rest = liked.get("*", 0.0)
    codings: tuple[Coding, ...] = ("br", "gzip")
    best = max(codings, key=lambda coding: liked.get(coding, rest))
    quality = liked.get(best, rest)
    return best if quality > 0 and quality >= liked.get("identity", 0.0) else None


def _quality(parameters: str) -> float:
    if not parameters.startswith("q="):
        return 1.0
    try:
        return float(parameters[2:])
    except ValueError:
        return 0.0
