"""The verbs that serve: run the API, or forecast once without it."""

import json as json_format
import sys
from typing import Any, Final

import uvicorn
from rich.console import Console
from rich.table import Table

from forecasting.stores.published import read_pointer, version_folder
from forecasting.stores.stations import read_station
from serving.answers import forecast_answer
from serving.champions import model_name
from serving.history import recent_history
from serving.runtime import Forecaster
from serving.settings import load_serving_settings

#: Longest wait for the requests in flight when the process is told to end.
SHUTDOWN_SECONDS: Final = 10


def serve(*, host: str | None = None, port: int | None = None) -> None:
    """Serve the champions over HTTP until the process is told to end.

    Args:
        host: address to listen on; GATECAST_HOST or 127.0.0.1 when left out.
        port: port to listen on; GATECAST_PORT or 8000 when left out.

    Raises:
        SettingsInvalid: a setting has the wrong type or range.
    """
    settings = load_serving_settings(host=host, port=port)
    uvicorn.run(
        "serving.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def forecast(name: str = "seattle", *, days: int | None = None, json: bool = False) -> None:
    """Forecast a station's coming days from its champion, without a server.

    Args:
        name: the station.
        days: how many days; the model's whole horizon when left out.
        json: print the same object as the HTTP answer.

    Raises:
        StationUnknown: no such station has been admitted.
        NoChampion: it has no promoted model.
        RequestRefused: the model does not forecast that many days.
        GatecastError: the champion's files or its forecast cannot be trusted.
    """
    root = load_serving_settings().root
    record = read_station(root, name)
    pointer = read_pointer(root, model_name(record.card.name))
    forecaster = Forecaster.load(version_folder(root, pointer), pointer)
    history = recent_history(record, forecaster.card)
    answer = forecast_answer(record, forecaster, history, days)
    if json:
        sys.stdout.write(json_format.dumps(answer, allow_nan=False, ensure_ascii=False) + "\n")
    else:
        Console().print(forecast_table(answer))


def forecast_table(answer: dict[str, Any]) -> Table:
    """Return a forecast as a person reads it: a row a day, a column a level."""
    model, units = answer["model"], answer["daily_units"]
    table = Table(
        title=f"{answer['station']}: days after {answer['origin']}",
        caption=f"{model['name']} version {model['version']} ({model['alias']})",
    )
    table.add_column("date")
    names = [series for series in answer["daily"] if series != "time"]
    for series in names:
        table.add_column(f"{series} {units[series]}", justify="right")
    for position, day in enumerate(answer["daily"]["time"]):
        table.add_row(day, *(f"{answer['daily'][series][position]:.1f}" for series in names))
    return table
