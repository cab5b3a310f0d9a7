"""Do a step for every station: in this process, or by the workers of a Dask."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from forecasting.errors import GatecastError
from forecasting.settings import Settings
from forecasting.training.machine import one_thread
from pipelines.scheduler import SchedulerUnavailable, meet, needing_dask
from pipelines.survey.folder import Survey, require_seen

Told = dict[str, Any]

#: A step of one station: a module's function, so that workers find it by its name.
Step = Callable[[Survey, str], Told]

#: Does a step for stations, and yields each one's name with what it told, as they come.
Scatter = Callable[[Step, Survey, Sequence[str]], Iterator[tuple[str, Told]]]

#: What Dask sets before a worker starts, but for its low MALLOC_TRIM_THRESHOLD_: with that, memory
#: went back to the system all the time, and a judgement took 1.7 times as long, in page faults.
WORKER_ENVIRONMENT = {"OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1}

#: Longest wait for the workers of the settings' Dask, in seconds.
PATIENCE = 120

#: The key under which a refused station tells why.
REFUSED = "refused"


class StationUnfinished(GatecastError):
    """A station took down each worker that began it."""

    code = "STATION_UNFINISHED"


def settled(step: Step, survey: Survey, station: str) -> tuple[str, Told]:
    """Do a step of one station, on one thread; a refusal is told, so that the others go on."""
    one_thread()
    try:
        require_seen(survey, station)
        return station, step(survey, station)
    except GatecastError as error:
        return station, {REFUSED: error.to_json()}


@contextmanager
def scattering(settings: Settings, workers: int) -> Iterator[Scatter]:
    """Give what does steps: the Dask of the settings, else this process or a cluster of its own.

    Args:
        settings: where work is done, and how a Dask is met.
        workers: how many, a thread each; of the settings' Dask, how many have to be there.

    Raises:
        SettingsInvalid: Dask is asked for without its address, its certificates or its extra.
        SchedulerUnavailable: the settings' Dask is not there, or has fewer workers.
    """
    if settings.compute == "dask":
        with meet(settings) as client:
            _await_workers(client, workers)
            yield partial(_there, client)
    elif workers == 1:
        yield here
    else:
        with dask_workers(workers) as scatter:
            yield scatter


def _await_workers(client: Any, workers: int) -> None:  # noqa: ANN401 - distributed is an extra
    try:
        client.wait_for_workers(workers, timeout=PATIENCE)
    except TimeoutError as error:
        raise SchedulerUnavailable(
            "the Dask has too few workers",
            expected=f"{workers} within {PATIENCE} seconds",
            found=len(client.scheduler_info(n_workers=-1)["workers"]),
        ) from error


@contextmanager
def dask_workers(workers: int) -> Iterator[Scatter]:
    """Start a Dask cluster of processes on loopback, and give what does steps there.

    A task is a station, its arguments are names: no rows travel, each worker reads and writes the
    partitions of its stations. A worker that dies is replaced and its stations are done again.

    Args:
        workers: processes, a thread each.

    Raises:
        SettingsInvalid: the extra is not installed.
    """
    with needing_dask():
        import dask  # noqa: PLC0415 - an extra, and slow to import
        from distributed import Client, LocalCluster  # noqa: PLC0415 - as above

    with (
        dask.config.set(
            {
                "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
                # A worker is busy with imports when it is first called; on a busy machine for long.
                "distributed.comm.timeouts.connect": "120s",
            }
        ),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # With None the scheduler's pages open on 8787 to everybody, if nobody else has it.
            dashboard_address="127.0.0.1:0",
            # Dask would stop a worker that holds a share of the machine's memory; ours stay small.
            memory_limit=0,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers)
        yield partial(_there, client)


def here(step: Step, survey: Survey, stations: Sequence[str]) -> Iterator[tuple[str, Told]]:
    """Do a step for one station after the other, in this process."""
    for station in stations:
        yield settled(step, survey, station)


def _there(
    client: Any,  # noqa: ANN401 - distributed is an extra
    step: Step,
    survey: Survey,
    stations: Sequence[str],
) -> Iterator[tuple[str, Told]]:
    from distributed import CancelledError, as_completed  # noqa: PLC0415 - as above

    # Not pure: a step writes, and the same station again is to be done again.
    futures = client.map(partial(settled, step, survey), stations, pure=False)
    names = dict(zip(futures, stations, strict=True))
    try:
        for done in as_completed(futures):
            yield _told(done, names[done])
            done.release()
    except CancelledError as error:
        raise SchedulerUnavailable(
            "the Dask went away", expected="a scheduler to the end", found=str(error)
        ) from error


def _told(done: Any, station: str) -> tuple[str, Told]:  # noqa: ANN401 - distributed is an extra
    """Return what a worker told of a station; one that killed its workers is a refused one."""
    from distributed import KilledWorker  # noqa: PLC0415 - as above

    try:
        told: tuple[str, Told] = done.result()
    except KilledWorker as error:
        last = error.last_worker.address if error.last_worker else error.task
        unfinished = StationUnfinished(
            "each worker that began the station died in it",
            expected="a worker that lives, with memory enough",
            found=str(last),
        )
        return station, {REFUSED: unfinished.to_json()}
    return told
