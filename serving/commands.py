"""The verbs that serve: run the API, or forecast once without it."""

import json as json_format
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from forecasting.stores.files import write_bytes
from forecasting.stores.published import read_pointer, version_folder
from forecasting.stores.stations import read_station
from serving.answers import Reach, forecast_answer, values_of
from serving.chart import fan_chart
from serving.history import recent_history
from serving.metrics import SHARED
from serving.runtime import Forecaster
from serving.selection import require_targets
from serving.settings import ServingSettings, load_serving_settings
from serving.turning_away import AdmittingProtocol

#: Longest wait for the requests in flight when the process is told to end.
SHUTDOWN_SECONDS: Final = 10

#: Observed days that a picture shows before the forecast.
DRAWN_DAYS = 60


def serve(*, host: str | None = None, port: int | None = None, workers: int | None = None) -> None:
    """Serve the champions over HTTP until the process is told to end.

    Args:
        host: address to listen on; GATECAST_HOST or 127.0.0.1 when left out.
        port: port to listen on; GATECAST_PORT or 8000 when left out.
        workers: processes that share the port; GATECAST_SERVING_WORKERS or 1 when left out.

    Raises:
        SettingsInvalid: a setting has the wrong type or range.
    """
    settings = load_serving_settings(host=host, port=port, serving_workers=workers)
    with _environment_of_workers(settings):
        uvicorn.run(
            "serving.app:serve_app",
            factory=True,
            interface="asgi3",
            host=settings.host,
            port=settings.port,
            workers=settings.serving_workers,
            http=AdmittingProtocol,
            loop="serving.eager_loop:EagerLoop",
            ws="none",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )


@contextmanager
def _environment_of_workers(settings: ServingSettings) -> Iterator[None]:
    """Tell the app, which reads its settings itself in each worker, what a flag said.

    Several workers also get a folder in which their counts add up.
    """
    told = {"GATECAST_HOST": settings.host}
    with ExitStack() as ending:
        if settings.serving_workers > 1:
            run = settings.root / "run"
            run.mkdir(parents=True, exist_ok=True)
            scratch = tempfile.TemporaryDirectory(dir=run, prefix="counts-")
            told[SHARED] = ending.enter_context(scratch)
        before = {name: os.environ.get(name) for name in told}
        os.environ.update(told)
        try:
            yield
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def forecast(
    name: str = "seattle",
    *,
    target: str | None = None,
    days: int | None = None,
    hours: int | None = None,
    svg: Path | None = None,
    json: bool = False,
) -> None:
    """Forecast a station's coming days or hours from its champion, without a server.

    Args:
        name: the station.
        target: what is forecast, where the station has several targets; its first when left out.
        days: how many days; the model's whole horizon when left out.
        hours: the same in hours, for a station of hours.
        svg: also draw the forecast after the last observed days into this file.
        json: print the same object as the HTTP answer.

    Raises:
        StationUnknown: no such station has been admitted.
        NoChampion: it has no promoted model.
        RequestRefused: the model does not forecast so far, or not that target.
        GatecastError: the champion's files or its forecast cannot be trusted.
    """
    root = load_serving_settings().root
    record = read_station(root, name)
    wanted = record.card.target if target is None else target
    require_targets(record, (wanted,), "--target")
    pointer = read_pointer(root, record.card.model(wanted))
    forecaster = Forecaster.load(version_folder(root, pointer), pointer)
    history = recent_history(record, forecaster.card)
    answer = forecast_answer(record, forecaster, history, Reach(days=days, hours=hours))
    if svg is not None:
        recent = record.recent
        observed = list(zip(recent.time, recent.values[wanted], strict=True))
        write_bytes(svg, fan_chart(answer, observed[-DRAWN_DAYS:]).encode())
    if json:
        sys.stdout.write(json_format.dumps(answer, allow_nan=False, ensure_ascii=False) + "\n")
    else:
        Console().print(forecast_table(answer))


def forecast_table(answer: dict[str, Any]) -> Table:
    """Return a forecast as a person reads it: a row a step, the median and every interval."""
    model = answer["model"]
    units, columns = values_of(answer)
    median, *others = (series for series in columns if series != "time")
    # The other levels come in ascending order, as many below the median as above it.
    pairs = list(zip(others[: len(others) // 2], others[::-1], strict=False))
    table = Table(
        title=f"{median} at {answer['station']}, {units[median]}",
        caption=f"{model['name']} version {model['version']} ({model['alias']}), "
        f"after {answer['origin']}",
        box=SIMPLE_HEAD,
    )
    for heading in ("date", "median", *(interval_name(low, high) for low, high in pairs)):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "date" else "right")
    for place, label in enumerate(columns["time"]):
        spans = (f"{columns[low][place]:.1f} to {columns[high][place]:.1f}" for low, high in pairs)
        table.add_row(label, f"{columns[median][place]:.1f}", *spans)
    return table


def interval_name(low: str, high: str) -> str:
    """Name the interval between two series: `t_p2_5` and `t_p97_5` bound 95 %.

    >>> interval_name("t_p2_5", "t_p97_5")
    '95 %'
    """
    below, above = (float(name.rpartition("_p")[2].replace("_", ".")) for name in (low, high))
    return f"{above - below:g} %"
