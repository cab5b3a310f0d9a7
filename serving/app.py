"""Build the API: routes, problems, request ids, and the threads that keep it current."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.concurrency import run_in_threadpool

from serving.living import LivingParts
from serving.problems import install_problems
from serving.request_ids import RequestIds
from serving.routes import forecast, health, hooks, models, text
from serving.settings import ServingSettings, load_serving_settings

#: FastAPI can send traces, metrics and errors elsewhere, switched on by an environment variable.
#: This program sends nothing; the bare hooks cost time on every request besides.
SILENT: Final[TelemetryConfig] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}

DESCRIPTION = (
    "Climate forecasts with honest intervals, from the champion of each station; texts written on "
    "and scored by the language model of each corpus."
)


def create_app(settings: ServingSettings | None = None) -> FastAPI:
    """Build the API; nothing is read or started before its lifespan begins.

    Args:
        settings: where and how; from the environment and the file when None.

    Raises:
        SettingsInvalid: a setting has the wrong type or range.
    """
    parts = LivingParts.of(settings or load_serving_settings())
    app = FastAPIOffline(
        title="Gatecast",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan,
        redoc_url=None,
        telemetry=SILENT,
        # The page's own default asks a validator on the internet about the schema.
        swagger_ui_parameters={"validatorUrl": None},
    )
    app.state.parts = parts
    app.add_middleware(RequestIds)
    install_problems(app)
    for routes in (forecast, models, text, health, hooks):
        app.include_router(routes.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    parts: LivingParts = app.state.parts
    parts.start()
    try:
        yield
    finally:
        await run_in_threadpool(parts.stop)
