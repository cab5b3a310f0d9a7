"""The verb `demo`: the whole path on packaged data, down to a forecast over real HTTP."""

import http.client
import json as json_format
import socket
import subprocess  # our own interpreter, our own API
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from forecasting.errors import GatecastError, NoChampion
from forecasting.settings import Settings, load_settings
from forecasting.stores.published import read_pointer
from pipelines.commands.output import print_json, print_line, print_table
from pipelines.commands.retrain import print_decision, run_flow
from pipelines.environment import prepare

STATION = "seattle"

#: What the API answers once the station's champion is served.
FORECAST = f"/v1/forecast?station={STATION}"

#: The API is ready in about a second; a busy machine gets this long.
START_SECONDS = 60.0


class ApiUnavailable(GatecastError):
    """The API that the demo started did not answer."""

    code = "API_UNAVAILABLE"


def demo(*, preset: Literal["default", "quick"] = "default", json: bool = False) -> None:
    """Retrain on the packaged data, start the API, ask it for a forecast, print it.

    Args:
        preset: `default`, or `quick` (fewer members, fewer epochs).
        json: print one JSON object.

    Raises:
        NoChampion: the gate let nobody through.
        ApiUnavailable: the API gave no forecast.
    """
    began = time.perf_counter()
    settings = load_settings()
    prepare(settings)
    decision = run_flow(settings, STATION, [], preset, None)
    decision["seconds"] = round(time.perf_counter() - began, 1)
    require_champion(settings, decision)
    with api(settings) as port:
        answer = ask(port, f"/v1/forecast?station={STATION}&forecast_days=7")
    champion = champion_tags(settings, answer["model"]["name"])
    if json:
        print_json({"retrain": decision, "forecast": answer})
        return
    print_decision(decision)
    print_forecast(answer, champion)
    print_places(settings, decision)


def require_champion(settings: Settings, decision: dict[str, Any]) -> None:
    """Say at once that there is nothing to serve, with the gate's reason, not after a wait.

    Raises:
        NoChampion: the candidate was refused, and no earlier one was promoted.
    """
    try:
        read_pointer(settings.root, decision["model"])
    except NoChampion as error:
        raise NoChampion(
            f"{decision['model']} has no champion to ask",
            expected="a candidate that passes the gate",
            found=decision["verdict"]["sentence"],
        ) from error


@contextmanager
def api(settings: Settings, ready: str = FORECAST) -> Iterator[int]:
    """Run the real API on a free port of loopback for as long as the block; gives the port.

    Args:
        settings: the home folder.
        ready: the path that is answered once there is something to ask.

    Raises:
        ApiUnavailable: it did not become ready in time.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "gatecast", "--home", str(settings.root)]
    command += ["serve", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            wait_until_ready(port, server, ready)
            yield port
        finally:
            server.terminate()


def wait_until_ready(port: int, server: subprocess.Popen[bytes], path: str) -> None:
    """Wait until a path is answered.

    Raises:
        ApiUnavailable: the process ended, or was not ready in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            ask(port, path)
        except (OSError, ApiUnavailable):
            time.sleep(0.2)
        else:
            return
    raise ApiUnavailable(
        "the API did not become ready",
        expected=f"status 200 within {START_SECONDS:.0f} s",
        found=f"exit code {server.poll()}",
    )


def ask(port: int, path: str) -> dict[str, Any]:
    """Ask the API over HTTP.

    Raises:
        ApiUnavailable: it answered with a problem.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        content: dict[str, Any] = json_format.loads(response.read())
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise ApiUnavailable(
            f"GET {path} was answered with {response.status}", found=content.get("code")
        )
    return content


def champion_tags(settings: Settings, model: str) -> dict[str, str]:
    """Return the tags of the version that answered: its errors and its skill."""
    from forecasting.stores.registry.versions import connect, resolve  # noqa: PLC0415 - MLflow

    return resolve(connect(settings), f"{model}@champion").tags


def print_forecast(answer: dict[str, Any], champion: dict[str, str]) -> None:
    """Print the days to come: median and 80 % interval, and who says so."""
    daily, model = answer["daily"], answer["model"]
    target = next(iter(name for name in daily if name != "time"))
    unit = answer["daily_units"][target]
    low, high = daily[f"{target}_p10"], daily[f"{target}_p90"]
    rows = [
        (day, f"{median:.1f}", f"{low[place]:.1f} to {high[place]:.1f}", unit)
        for place, (day, median) in enumerate(zip(daily["time"], daily[target], strict=True))
    ]
    title = f"{target} at {answer['station']}, asked over HTTP"
    print_table(title, ("date", "median", "80 % interval", "unit"), rows)
    skill = 100 * float(champion["skill"])
    print_line(
        f"model: {model['name']} version {model['version']}, trained through "
        f"{model['trained_through']}; mean MAE {champion['mean_mae']} {unit}, skill "
        f"{skill:+.1f} % against {champion['best_rival'].replace('_', ' ')}, "
        "the best simple rival"
    )


def print_places(settings: Settings, decision: dict[str, Any]) -> None:
    """Say where to look next."""
    home = "" if settings.root == Path("var").resolve() else f" --home {settings.root}"
    programs = Path(sys.executable).parent
    if programs.is_relative_to(Path.cwd()):
        programs = programs.relative_to(Path.cwd())
    reports = sorted((settings.root / "reports").glob(f"{STATION}-*.html"))
    print_line("")
    print_line(f"page, API: {programs}/gatecast{home} serve  then open http://127.0.0.1:8000/")
    print_line("           and http://127.0.0.1:8000/docs for the interface")
    print_line(
        f"MLflow UI: {programs}/mlflow ui --backend-store-uri {settings.tracking} --port 5000"
    )
    print_line(f"           run {decision['run_id']}")
    print_line(f"report:    {reports[-1] if reports else 'none'}")
