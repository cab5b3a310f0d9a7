"""Steps of many stations, here or by Dask's workers: the same is told, and refusals travel."""

import subprocess
import sys
from types import SimpleNamespace

import dask
import distributed
import pytest

from benchmarks.scale.stations import NAME, write_stations
from forecasting.errors import SettingsInvalid
from forecasting.settings import Settings
from pipelines.catalogue import find_parts
from pipelines.commands.survey import survey as survey_verb
from pipelines.scheduler import SchedulerUnavailable
from pipelines.survey import scatter as scattered
from pipelines.survey.folder import Survey, open_survey
from pipelines.survey.scatter import REFUSED, here, scattering, settled
from pipelines.survey.stations import land_station
from tests.pipelines.survey import steps
from tests.postgres import free_port
from tests.system.conftest import unmeasured
from tests.system.grown.parts import ROOT, write_certificates


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A survey of three stations, of which the last has no file."""
    toml = write_stations(tmp_path_factory.mktemp("source"), 3, 20)
    (toml.parent / "s00002.csv").unlink()
    home = tmp_path_factory.mktemp("home")
    survey = Survey(home=home, name=NAME, preset="quick", cell="gru", seed=1, windows=8)
    return survey, open_survey(survey, find_parts(str(toml)))


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Settings that name a Dask with TLS, whose scheduler and one worker are processes here."""
    folder = tmp_path_factory.mktemp("dask")
    files = write_certificates(folder)
    address = f"tls://127.0.0.1:{free_port()}"
    ours = [f"--tls-{name.removeprefix('dask_')}{'-file' if name == 'dask_ca' else ''}"
            for name in files]  # fmt: skip
    words = [word for pair in zip(ours, map(str, files.values()), strict=True) for word in pair]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2],
                 "--no-dashboard"]  # fmt: skip
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
              "--host", "127.0.0.1"]  # fmt: skip
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command, *words], cwd=ROOT,
            env=unmeasured() | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
        )
        for command in (scheduler, worker)
    ]  # fmt: skip
    yield Settings(compute="dask", dask_address=address, **files), running
    for process in reversed(running):  # a worker without its scheduler waits for it
        process.kill()
        process.wait()


def test_one_worker_is_this_process():
    with scattering(Settings(), 1) as scatter:
        assert scatter is here


def test_a_refusal_is_told_under_its_station(opened):
    survey, names = opened

    told = dict(here(land_station, survey, names))

    assert [REFUSED in told[name] for name in names] == [False, False, True]
    assert told["s00002"][REFUSED]["code"] == "SOURCE_UNAVAILABLE"


@pytest.mark.system
@pytest.mark.usefixtures("unmeasured_children")
def test_two_workers_of_dask_tell_what_this_process_tells(opened):
    survey, names = opened

    with scattering(Settings(), 2) as scatter:
        told = dict(scatter(land_station, survey, names))

    assert told == dict(here(land_station, survey, names))


@pytest.mark.system
def test_the_dask_of_the_settings_does_the_steps(elsewhere, opened):
    settings, (_, worker) = elsewhere
    survey, names = opened

    with scattering(settings, 1) as scatter:
        told = dict(scatter(steps.tell_process, survey, names))
        landed = dict(scatter(land_station, survey, names))

    assert told == {name: {"process": worker.pid} for name in names}
    assert landed == dict(here(land_station, survey, names))


@pytest.mark.system
def test_a_dask_with_too_few_workers_is_refused(elsewhere, monkeypatch):
    monkeypatch.setattr(scattered, "PATIENCE", 1)

    with pytest.raises(SchedulerUnavailable, match="too few workers"), scattering(elsewhere[0], 2):
        pass


@pytest.mark.usefixtures("own_environment")
def test_the_verb_asks_the_dask_of_the_settings(opened, monkeypatch):
    survey, _ = opened
    monkeypatch.setenv("GATECAST_COMPUTE", "dask")
    monkeypatch.setenv("GATECAST_HOME", str(survey.home))

    with pytest.raises(SettingsInvalid, match="names no scheduler"):
        survey_verb("seattle")


def test_a_dask_that_does_not_answer_is_refused():
    settings = Settings(compute="dask", dask_address=f"tcp://127.0.0.1:{free_port()}")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(SchedulerUnavailable, match="no Dask answers"),
        scattering(settings, 1),
    ):
        pass


def test_without_dask_several_workers_are_refused_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsInvalid, match=r"gatecast\[dask\]"), scattering(Settings(), 2):
        pass


def test_a_station_that_kills_each_of_its_workers_is_refused_alone():
    def result():
        raise distributed.KilledWorker("s00000", SimpleNamespace(address="tls://b:40111"), 3)

    name, told = scattered._told(SimpleNamespace(result=result), "s00000")

    assert name == "s00000"
    assert told[REFUSED]["code"] == "STATION_UNFINISHED"
    assert told[REFUSED]["found"] == "tls://b:40111"


def test_a_worker_that_does_not_see_the_survey_says_so(opened, tmp_path):
    survey, _ = opened
    other = Survey(**vars(survey) | {"home": tmp_path})

    _, told = settled(land_station, other, "s00000")

    assert told[REFUSED]["code"] == "SURVEY_UNSEEN"
    assert "shared by all machines" in told[REFUSED]["expected"]
