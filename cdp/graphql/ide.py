"""GraphiQL: the page, its examples and its scripts, all from this package, so that it works without the internet."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

_FOLDER = files("cdp.graphql").joinpath("graphiql")

_TYPES = {".js": "text/javascript", ".css": "text/css"}


def examples() -> dict[str, str]:
    """The documents of the tabs, by file name, in their order."""
    found = sorted(_FOLDER.joinpath("examples").iterdir(), key=lambda file: file.name)
    return {file.name: file.read_text(encoding="utf-8") for file in found if file.name.endswith(".graphql")}


@cache
def page() -> str:
    """The page, as HTML."""
    # `<` is escaped so that nothing in an example can end the script element.
    tabs = msgspec.json.encode(list(examples().values())).decode().replace("<", "\\u003c")
    return _FOLDER.joinpath("index.html").read_text(encoding="utf-8").replace("EXAMPLES", tabs)


@cache
def policy() -> str:
    """What the page may do: run its own scripts, the one within it by its hash, and talk to where it came from."""
    (script,) = re.findall(r"<script>(.*?)</script>", page(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'self' 'sha256-{digest}' blob:; worker-src 'self' blob:; connect-src 'self';"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def render() -> Response:
    """GraphiQL in the browser; it runs nothing but its own scripts."""
    return HTMLResponse(page(), headers={"Content-Security-Policy": policy(), "Cache-Control": "no-cache"})


async def asset(request: Request) -> Response:
    """One of GraphiQL's files, compressed as it is stored."""
    name = request.path_params["name"]
    known = {file.name.removesuffix(".gz"): file for file in _FOLDER.iterdir() if file.name.endswith(".gz")}
    file = known.get(name)
    if file is None:
        return PlainTextResponse("There is no such file.", status_code=404)
    media_type = _TYPES["." + name.rpartition(".")[2]]
    headers = {"Content-Encoding": "gzip", "Cache-Control": "public, max-age=86400"}
    return Response(file.read_bytes(), media_type=media_type, headers=headers)


ASSETS = Route("/graphql/assets/{name}", asset, methods=["GET"])
