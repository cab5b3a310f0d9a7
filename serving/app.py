"""Build the API: routes, problems, what stands before them, and what keeps it current."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool

from forecasting.errors import SettingsInvalid
from serving.draining import end_with_parent
from serving.entrance import Entrance, front_of
from serving.front import Front
from serving.living import LivingParts
from serving.logs import JsonLines, log_as_json
from serving.problems import install_problems
from serving.routes import batch, forecast, health, hooks, inference, metrics, models, page, text
from serving.settings import ServingSettings, load_serving_settings
from serving.turning_away import AdmittingProtocol
from serving.web.rendering import Pages

#: FastAPI can send traces, metrics and errors elsewhere, switched on by an environment variable.
#: This program sends nothing unless its own setting says so; the bare hooks cost time on every
#: request besides.
SILENT: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

#: With the setting: a span a request, sent to where OTEL_EXPORTER_OTLP_ENDPOINT says. Prometheus
#: has the numbers, and the log, which never holds a body, the errors.
TRACED: Final[TelemetryConfig] = {**SILENT, "tracing": True, "auto_configure": True}

DESCRIPTION = (
    "Climate forecasts with honest intervals, from the champion of each station; texts written on "
    "and scored by the language model of each corpus."
)


def serve_app() -> Entrance:
    """Build the API of a process of its own, which logs as JSON on stderr."""
    settings, lines = load_serving_settings(), JsonLines()
    log_as_json(lines)
    app = create_app(settings, lines)
    AdmittingProtocol.request_seconds = settings.request_seconds
    AdmittingProtocol.desk = app.state.parts.forecasts
    AdmittingProtocol.draining = app.state.parts.draining
    end_with_parent()
    # Spans are made by what the entrance leaves out.
    return Entrance(app, app if settings.telemetry else front_of(app))


def create_app(settings: ServingSettings | None = None, lines: JsonLines | None = None) -> FastAPI:
    """Build the API; nothing is read or started before its lifespan begins.

    Args:
        settings: where and how; from the environment and the file when None.
        lines: where requests are logged; nowhere when None.

    Raises:
        SettingsInvalid: a setting has the wrong type or range.
    """
    settings = settings or load_serving_settings()
    if settings.telemetry:
        require_exporter()
    parts = LivingParts.of(settings)
    app = FastAPIOffline(
        title="Gatecast",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        telemetry=TRACED if settings.telemetry else SILENT,
        # The page's own default asks a validator on the internet about the schema.
        swagger_ui_parameters={"validatorUrl": None},
    )
    app.state.parts, app.state.lines = parts, lines
    app.state.pages = Pages(settings)
    app.add_middleware(Front, parts=parts, lines=lines if settings.access_log else None)
    install_problems(app)
    for routes in (forecast, batch, models, inference, text, health, metrics, hooks, page):
        app.include_router(routes.router)
    return app


def require_exporter() -> None:
    """Look whether traces can be sent, before anybody waits for one.

    Raises:
        SettingsInvalid: the extra is not installed.
    """
    try:
        found = find_spec("opentelemetry.exporter.otlp.proto.http")
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise SettingsInvalid("setting telemetry: its extra is missing", expected="gatecast[otel]")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: LivingParts = app.state.parts
    lines: JsonLines | None = app.state.lines
    if lines is not None:
        lines.start()
    parts.start()
    # A worker that listens before it has looked would not know the stations that others know.
    await run_in_threadpool(parts.wait)
    parts.draining.install()
    try:
        yield
    finally:
        await run_in_threadpool(parts.stop)
        if lines is not None:
            lines.stop()
