"""Answers before they leave: compressed where large, named by their content where a client may keep them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib

from starlette.requests import Request
from starlette.responses import Response

SMALLEST = 4_096
"""Bytes of an answer that is worth compressing."""
LONG = 256_000
"""Bytes of an answer whose compression would keep others waiting."""
LEVEL = 1
"""Twice as quick as the next ones, and JSON that repeats its keys becomes a sixth all the same."""

VARY = "Accept, Accept-Encoding, Authorization, X-Api-Key"


async def pack(request: Request, response: Response) -> Response:
    """The response as it is sent. No proxy keeps it; a client may keep what came by GET, and ask if it still holds."""
    headers = response.headers
    headers["Vary"] = VARY
    if (
        request.method == "GET"
        and response.status_code == 200
        and b'"errors"' not in bytes(response.body[:9])
    ):
        etag = f'W/"{hashlib.blake2b(response.body, digest_size=16).hexdigest()}"'
        headers["Cache-Control"] = "private, no-cache"
        headers["ETag"] = etag
        if etag in (one.strip() for one in request.headers.get("if-none-match", "").split(",")):
            kept = {name: headers[name] for name in ("Cache-Control", "ETag", "Vary")}
            return Response(status_code=304, headers=kept)
    else:
        headers["Cache-Control"] = "no-store"
    if len(response.body) >= SMALLEST and takes_gzip(request.headers.get("accept-encoding", "")):
        body = bytes(response.body)
        if len(body) < LONG:
            response.body = gzip.compress(body, LEVEL, mtime=0)
        else:
            response.body = await asyncio.to_thread(gzip.compress, body, LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(response.body))
    return response


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding names gzip, and not to refuse it."""
    for part in accept_encoding.split(","):
        name, _, quality = (one.strip().lower() for one in part.partition(";"))
        if name == "gzip":
            return quality.removeprefix("q=").strip("0.") != "" if quality.startswith("q=") else True
    return False
