"""The verb `schedule`: retrain stations on a cron schedule, with or without a server at hand."""

import http.client
import os
import socket
import subprocess  # our own interpreter, Prefect's own server
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from rich.console import Console

from forecasting.errors import DataRefused
from forecasting.settings import Settings
from pipelines.catalogue import find_parts
from pipelines.environment import prepare
from pipelines.server import SchedulerUnavailable, scheduler_errors

if TYPE_CHECKING:
    from prefect import State
    from prefect.deployments.runner import RunnerDeployment

#: A Prefect server was ready after 16 to 18 s on two quiet cores.
SERVER_START_SECONDS = 120.0

#: How long the port of a killed schedule may stay taken: its server looks for it twice a second.
PORT_SECONDS = 3.0

#: How long a server that was asked to stop may take.
SERVER_STOP_SECONDS = 20.0

#: What the key of a catch-up ends with that takes a failed one's place.
ONCE_MORE = "again"

#: What is scheduled where nothing is named: the packaged station and the packaged corpus.
USUAL = ("seattle", "schoolmistress")


def schedule(
    *names: str,
    cron: str = "0 6 * * *",
    language_cron: str = "0 3 * * 0",
    timezone: str | None = None,
    preset: Literal["default", "quick"] = "default",
    port: int = 4200,
    when_due: bool = False,
) -> None:
    """Retrain stations and corpora on schedule until the process is told to end.

    Uses the Prefect server that PREFECT_API_URL names; without one, starts its own on
    loopback and stops it at the end.

    Args:
        names: shipped datasets and corpora, or paths of TOML files; `seattle` and
            `schoolmistress` when none is given.
        cron: when to retrain stations, as five cron fields.
        language_cron: when to train the corpora's language models.
        timezone: IANA time zone of the cron fields; each station's own, and UTC for corpora,
            when left out.
        preset: `default` or `quick`.
        port: port of the server that is started.
        when_due: retrain stations only where something beside the clock says so (`gatecast due`).
    """
    from forecasting.settings import load_settings  # noqa: PLC0415 - keeps --help quick

    settings = load_settings()
    prepare(settings)
    with prefect_server(port) as address, scheduler_errors():
        from prefect import serve  # noqa: PLC0415 - reads the server's address on import

        from pipelines.deployments import (  # noqa: PLC0415
            deployments,
            language_deployments,
            upkeep_deployments,
        )
        from pipelines.operations.reaping_flows import Reaped, reap_flows  # noqa: PLC0415 - so
        from pipelines.texts.catalogue import is_corpus  # noqa: PLC0415 - prefect takes seconds

        wanted = names or USUAL
        corpora = [name for name in wanted if is_corpus(name)]
        stations = [name for name in wanted if name not in corpora]
        made = [
            *deployments(stations, cron=cron, timezone=timezone, preset=preset),
            *language_deployments(corpora, cron=language_cron, timezone=timezone, preset=preset),
        ]
        for deployment in made[: len(stations)] if when_due else ():
            deployment.parameters = {**deployment.parameters, "when_due": True}
        upkeep = upkeep_deployments()
        console = Console(stderr=True)
        for place, deployment in enumerate(made):
            ticks = cron if place < len(stations) else language_cron
            console.print(f"scheduled {deployment.name}: {ticks}", highlight=False)
        console.print(f"Prefect: {address}", highlight=False)
        reap_flows(settings.root, Reaped())  # the reaper's own dead run would keep it from running
        for station in stations:
            owed = catch_up(settings, station, made[stations.index(station)])
            if owed is not None:
                console.print(f"caught up once: {owed}", highlight=False)
        serve(*made, *upkeep, pause_on_shutdown=False, print_starting_message=False)


def catch_up(settings: Settings, name: str, deployment: "RunnerDeployment") -> str | None:
    """Ask for one run of the newest interval, where ticks passed while nobody kept the schedule.

    Returns the interval's name, or None where nothing is owed. The name is Prefect's idempotency
    key as well: two starts at a time ask for the same run. One that has failed is asked for once
    more, under a second key; the interval's own lock keeps two from working at a time.
    """
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - prefect takes seconds

    from pipelines.operations.ticks import missed  # noqa: PLC0415 - prefect takes seconds

    told = deployment.parameters
    now = datetime.now(UTC)
    interval = missed(settings.root, find_parts(name), told["cron"], told["timezone"], now)
    if interval is None:
        return None
    identity = deployment.apply()
    with get_client(sync_client=True) as client:
        for key in (interval.name, f"{interval.name}/{ONCE_MORE}"):
            run = client.create_flow_run_from_deployment(identity, idempotency_key=key)  # type: ignore[arg-type]
            if not has_failed(run.state):
                break
    # A run that ended earlier is what Prefect gives for its key: nobody works the interval now.
    return None if run.state is not None and run.state.is_final() else interval.name


def has_failed(state: "State[Any] | None") -> bool:
    """Say whether a run failed, and not because the checks refused the data.

    A crashed one is none of ours: the reaper has it repeated.
    """
    refused = f"{DataRefused.__name__}: "  # as Prefect words an exception
    return state is not None and state.is_failed() and refused not in (state.message or "")


@contextmanager
def prefect_server(port: int) -> Iterator[str]:
    """Give the address of the operator's server, or of one that lives as long as this block.

    Raises:
        SchedulerUnavailable: the port is taken, or the server did not answer in time.
    """
    given = os.environ.get("PREFECT_API_URL")
    if given:
        yield given
        return
    if not _comes_free(port):
        raise SchedulerUnavailable(
            f"port {port} is taken",
            expected="a free port (--port), or PREFECT_API_URL of a running server",
        )
    # It would outlive a killed schedule, and keep the port from the next one.
    command = [sys.executable, "-m", "pipelines.server", str(os.getpid())]
    command += ["--host", "127.0.0.1", "--port", str(port), "--analytics-off"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words
    os.environ["PREFECT_API_URL"] = address = f"http://127.0.0.1:{port}/api"
    try:
        _wait_until_healthy(address, server)
        yield address
    finally:
        # The schedule has ended by now: a server stopped first would leave it retrying.
        del os.environ["PREFECT_API_URL"]
        server.terminate()
        try:
            server.wait(SERVER_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def port_free(port: int) -> bool:
    """Say whether a port of loopback can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _comes_free(port: int) -> bool:
    deadline = time.monotonic() + PORT_SECONDS
    while not port_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes]) -> None:
    parts = urlsplit(address)
    deadline = time.monotonic() + SERVER_START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
        try:
            connection.request("GET", f"{parts.path}/health")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.5)
        finally:
            connection.close()
    raise SchedulerUnavailable(
        "the Prefect server did not start",
        expected=f"an answer from {address} within {SERVER_START_SECONDS:.0f} s",
        found=f"exit code {server.poll()}" if server.poll() is not None else "no answer",
    )
