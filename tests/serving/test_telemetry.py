"""Traces leave the process only where its own setting says so, and then as OpenTelemetry's do."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from forecasting.errors import SettingsInvalid
from serving.app import create_app
from serving.settings import ServingSettings
from tests.serving.live import LiveServer

pytestmark = pytest.mark.system


class Collector(BaseHTTPRequestHandler):
    """Keeps what is sent to it."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def collector(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.received = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def spans_of(received):
    for path, body in received:
        assert path == "/v1/traces"
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def test_with_the_setting_each_request_is_a_span(collector, home, promote, tmp_path, monkeypatch):
    promote(1)
    monkeypatch.setenv("GATECAST_TELEMETRY", "true")

    with LiveServer.running(home, tmp_path / "modules") as server:
        server.wait_until(lambda: server.version() == 1)
        server.wait_until(lambda: collector.received)

    spans = list(spans_of(collector.received))
    named = [{each.key: each.value.string_value for each in span.attributes} for span in spans]
    assert any(each.get("url.path") == "/v1/forecast" for each in named)


def test_without_it_nothing_is_sent_whatever_the_environment_says(
    collector, home, promote, tmp_path, monkeypatch
):
    promote(1)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")

    with LiveServer.running(home, tmp_path / "modules") as server:
        server.wait_until(lambda: server.version() == 1)

    assert collector.received == []
    loaded = server.modules.read_text().splitlines()
    assert not [name for name in loaded if name.startswith("opentelemetry.sdk")]


def test_a_missing_extra_is_said_before_the_start(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)

    with pytest.raises(SettingsInvalid, match=r"gatecast\[otel\]"):
        create_app(ServingSettings(home=home, telemetry=True))
