"""Traces by OpenTelemetry, where they are wanted; nothing of it is imported otherwise.

What goes out is names, counts, durations and kinds of errors: no values that anybody sent, no words of errors, no SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cdp.errors import Misconfigured
from cdp.telemetry.redaction import is_private, redacted
from cdp.telemetry.watching import Fact, Here

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

MOST_LINKS = 64
"""Requests that one flush names; it may serve more."""

_PREFIX = "diptych."


class Traces:
    """Spans of one process on their way to a collector; `aclose` sends the rest.

    Args:
        endpoint: the collector's address as `OTEL_EXPORTER_OTLP_ENDPOINT` has it, without `/v1/traces`.
        version: of this server.
        exporter: where else than to the endpoint.

    Raises:
        Misconfigured: the packages for it are not installed.
    """

    def __init__(self, endpoint: str, *, version: str, exporter: SpanExporter | None = None) -> None:
        try:
            from opentelemetry import context, trace  # noqa: PLC0415 - only where it is wanted
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
            from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
                TraceContextTextMapPropagator,
            )
        except ImportError as error:
            raise Misconfigured(
                "Traces are wanted (OTEL_EXPORTER_OTLP_ENDPOINT), and what sends them is not installed; "
                "run: pip install 'diptych[otel]'"
            ) from error
        self._context = context
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        # The SDK reads the other OTEL_ variables itself: service name, resource, sampler, headers, time limits.
        resource = Resource.create({"service.version": version})
        if resource.attributes.get("service.name", "unknown_service").startswith("unknown_service"):  # type: ignore[union-attr]
            resource = resource.merge(Resource({"service.name": "diptych"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter or OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces"))
        )
        self._tracer = self._provider.get_tracer("diptych", version)

    def begin(self, name: str, facts: dict[str, Fact], links: Sequence[Here] | None) -> Any:
        """Open a span and make it the current one."""
        trace = self._trace
        attributes = _attributes(facts)
        if links is None:
            span = self._tracer.start_span(name, attributes=attributes)
        else:
            span = self._tracer.start_span(
                name,
                context=self._context.Context(),
                attributes=attributes,
                links=[trace.Link(link) for link in links if link is not None][:MOST_LINKS],
            )
        return span, self._context.attach(trace.set_span_in_context(span))

    def add(self, span: Any, facts: dict[str, Fact]) -> None:
        """Give a span more attributes."""
        span[0].set_attributes(_attributes(facts))

    def end(self, span: Any, error: type[BaseException] | None) -> None:
        """Close a span; of an error its kind, not its words."""
        opened, token = span
        if error is not None:
            self._failed(opened, error.__name__)
        self._context.detach(token)
        opened.end()

    def here(self) -> Here:
        """The current span's place, None where there is none."""
        place = self._trace.get_current_span().get_span_context()
        return place if place.is_valid else None

    @contextmanager
    def request(
        self, headers: Sequence[tuple[bytes, bytes]], method: str, request_id: str
    ) -> Iterator[Request]:
        """The span of a request, in the trace that its `traceparent` names, if it has one."""
        carrier = {
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in headers
            if key in {b"traceparent", b"tracestate"}
        }
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(carrier, context=self._context.Context()),
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method, _PREFIX + "request_id": request_id},
        )
        token = self._context.attach(self._trace.set_span_in_context(span))
        try:
            yield Request(self, span)
        finally:
            self._context.detach(token)
            span.end()

    def _failed(self, span: Any, kind: str) -> None:
        span.set_attribute("error.type", kind)
        span.set_status(self._trace.StatusCode.ERROR)

    def aclose(self) -> None:
        """Send what has not been sent, and stop; blocks for as long as OTEL_EXPORTER_OTLP_TIMEOUT allows."""
        self._provider.shutdown()


def _attributes(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """What is said of a stage; there should be nothing to take out of it."""
    return {
        _PREFIX + key: redacted(value) if isinstance(value, str) else value
        for key, value in facts.items()
        if not is_private(key)
    }


class Request:
    """The span of a request, for its end."""

    def __init__(self, traces: Traces, span: Any) -> None:
        self._traces = traces
        self._span = span

    @property
    def trace_id(self) -> str:
        """In the form in which trace viewers search for it."""
        return f"{self._span.get_span_context().trace_id:032x}"

    def answered(self, route: str, method: str, status: int) -> None:
        """Say which route it took and how it was answered."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= 500:
            self._traces._failed(self._span, str(status))  # noqa: SLF001 - two halves of one
