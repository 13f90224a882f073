"""Traces as a collector gets them: real HTTP, real protobuf."""

from __future__ import annotations

import ast
import gzip
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cdp.access.keys import create_key
from cdp.app import Application, create_asgi
from cdp.db.pool import Database
from cdp.errors import Misconfigured
from cdp.model import WorkspaceId
from cdp.settings import Settings, read_settings
from cdp.telemetry import watched_by
from cdp.telemetry.tracing import Traces

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
QUERY = '{ profile(identifier: {kind: "user_id", value: "ada-lovelace"}) { traits } }'


class Collector:
    """Takes what an OpenTelemetry collector takes."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def one(self, name: str) -> Any:
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def above(self, span: Any) -> list[str]:
        """The names of the spans that it is within, the nearest first."""
        names = []
        while above := [one for one in self.spans if one.span_id == span.parent_span_id]:
            (span,) = above
            names.append(span.name)
        return names


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = threading.Thread(target=collector.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


@asynccontextmanager
async def client_of(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_asgi(application))
    async with httpx.AsyncClient(transport=transport, base_url="http://cdp.test") as client:
        yield client


@pytest.fixture
async def keys(database: Database, workspace: WorkspaceId) -> tuple[str, str]:
    return (
        await create_key(database, workspace, "INGEST", "page"),
        await create_key(database, workspace, "ADMIN", "app"),
    )


async def test_an_event_and_a_read_are_traced_from_request_to_statement(
    database_url: str, keys: tuple[str, str], collector: Collector
) -> None:
    """In the caller's trace, the flush in one of its own that links back; and nothing that anybody sent is in it."""
    settings = Settings(database_url=database_url, otlp_endpoint=collector.url)
    event = {
        "userId": "ada-lovelace",
        "event": "Signed In",
        "context": {"traits": {"email": "ada@example.com"}},
    }
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        async with Application.open(settings) as application, client_of(application) as client:
            sent = await client.post(
                "/v1/track",
                json=event,
                auth=(keys[0], ""),
                headers={"traceparent": CALLER, "x-request-id": "r-1"},
            )
            answer = await client.post(
                "/graphql", json={"query": QUERY}, headers={"Authorization": f"Bearer {keys[1]}"}
            )
            with watched_by(application.watch):
                assert await application.worker.settle_once() == 1
    assert (sent.status_code, "errors" in answer.json()) == (200, False)

    request = collector.one("POST /v1/track")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (CALLER[3:35], CALLER[36:52])
    assert {one.key: one.value.string_value or one.value.int_value for one in request.attributes} == {
        "http.request.method": "POST",
        "http.route": "/v1/track",
        "http.response.status_code": 200,
        "diptych.request_id": "r-1",
    }
    assert collector.above(collector.one("ingest.decode")) == ["POST /v1/track"]
    flush = collector.one("flush")
    assert [link.span_id for link in flush.links] == [request.span_id]
    assert flush.trace_id != request.trace_id
    assert collector.above(collector.one("flush.identity")) == ["flush"]
    assert collector.above(collector.one("graphql.read")) == ["graphql.query", "POST /graphql"]
    assert collector.above(collector.one("graphql.plan")) == ["graphql.query", "POST /graphql"]
    assert collector.above(collector.one("settle.read")) == ["settle"]
    asked = [span for span in collector.spans if span.name == "plugin.resolve_roles"]
    assert {tuple(collector.above(span)) for span in asked} == {("settle.ask", "settle")}
    assert {resource["service.name"] for resource in collector.resources} == {"diptych"}
    line = next(entry for entry in logged if entry["event"] == "request")
    assert (line["request_id"], line["trace_id"]) == ("r-1", CALLER[3:35])
    everything = " ".join(str(span) for span in collector.spans)
    assert not any(secret in everything for secret in ("lovelace", "example.com", "Signed In", *keys))


async def test_an_error_is_named_by_its_kind_alone(
    database_url: str, keys: tuple[str, str], collector: Collector
) -> None:
    settings = Settings(database_url=database_url, otlp_endpoint=collector.url)
    async with Application.open(settings) as application, client_of(application) as client:
        await application.database.close()
        answer = await client.post(
            "/graphql", json={"query": QUERY}, headers={"Authorization": f"Bearer {keys[1]}"}
        )
    assert answer.json()["errors"]
    failed = collector.one("graphql.read")
    assert [(one.key, one.value.string_value) for one in failed.attributes][-1][0] == "error.type"
    assert (failed.status.code, failed.status.message, list(failed.events)) == (2, "", [])


async def test_what_slips_into_a_span_is_taken_out(collector: Collector) -> None:
    traces = Traces(collector.url, version="1")
    facts: dict[str, str | int | float | bool] = {"hook": "resolve_roles", "n": 1, "user_id": "u-1"}
    facts["said"] = "to ann@example.com"
    span = traces.begin("plugin.call", facts, None)
    traces.add(span, {"email": "ann@example.com", "key": "cdp_sec_0123456789"})
    traces.end(span, None)
    traces.aclose()
    found = {one.key: one.value for one in collector.one("plugin.call").attributes}
    assert set(found) == {"diptych.hook", "diptych.n", "diptych.said", "diptych.key"}
    assert (found["diptych.said"].string_value, found["diptych.key"].string_value) == (
        "to •••",
        "cdp_sec_•••",
    )


async def test_what_is_no_traceparent_begins_a_trace(collector: Collector) -> None:
    traces = Traces(collector.url, version="1")
    for header in (b"", b"00-zz-00f067aa0ba902b7-01", b"\xff\xfe", CALLER.encode() * 3):
        with traces.request([(b"traceparent", header)], "GET", "r") as request:
            request.answered("/healthz", "GET", 200)
    traces.aclose()
    assert len(collector.spans) == 4
    assert {span.parent_span_id for span in collector.spans} == {b""}


def test_the_usual_variable_switches_traces_on() -> None:
    assert read_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}).otlp_endpoint == "http://c:4318"
    assert read_settings({}).otlp_endpoint is None


def test_without_it_nothing_of_opentelemetry_is_loaded() -> None:
    """Only functions import it: no module of ours does when it is loaded itself."""
    for path in (Path(__file__).parents[2] / "cdp").rglob("*.py"):
        text = path.read_text()
        for node in ast.parse(text).body if "opentelemetry" in text else ():
            assert "opentelemetry" not in ast.unparse(node) or not isinstance(
                node, ast.Import | ast.ImportFrom
            ), path


def test_traces_that_cannot_be_sent_for_want_of_the_packages_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(Misconfigured, match=r"pip install 'diptych\[otel\]'"):
        Traces("http://127.0.0.1:1", version="1")
