"""An address of HTTP: `GET /plugins/sample_plugin/hello`."""

from cdp.hooks import hookimpl
from cdp.model import KeyAuth, Route, RouteAnswer, RouteRequest


@hookimpl
def register_routes() -> list[Route]:
    """The routes that we add."""
    return [
        Route(
            method="GET",
            path="hello",
            description="Say hello to whoever may read profiles.",
            handle=hello,
            auth=KeyAuth(scopes=frozenset({"profiles:read"})),
        )
    ]


def hello(request: RouteRequest) -> RouteAnswer:
    """What it answers."""
    return RouteAnswer(json={"hello": request.query.get("who", "World")})
