"""Where candidates are trained: processes here, or a Dask that nobody else can reach."""

import subprocess
import sys
from types import SimpleNamespace

import distributed
import pytest
from distributed.protocol.pickle import dumps, loads
from prefect.task_runners import ThreadPoolTaskRunner

from forecasting.errors import SettingsInvalid
from forecasting.settings import Settings
from pipelines import climate, language
from pipelines.compute import task_runner
from pipelines.fitting import FittingFailed, fit_beside
from pipelines.spread import SpreadFuture, SpreadTaskRunner


@pytest.fixture
def certificates(tmp_path):
    """Files where certificates would be; nothing reads them here."""
    names = ("dask_ca", "dask_cert", "dask_key")
    for name in names:
        (tmp_path / name).write_text("")
    return {name: tmp_path / name for name in names}


def test_candidates_are_trained_as_processes_unless_dask_is_asked_for():
    runner = task_runner(Settings(workers=3))

    assert isinstance(runner, ThreadPoolTaskRunner)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://localhost:8786"])
def test_a_dask_on_loopback_needs_no_certificates(address):
    runner = task_runner(Settings(compute="dask", dask_address=address))

    assert isinstance(runner, SpreadTaskRunner)
    assert runner.address == address
    assert "security" not in runner.client_kwargs


def test_a_dask_elsewhere_is_met_with_certificates_only(certificates):
    runner = task_runner(Settings(compute="dask", dask_address="tls://dask:8786", **certificates))

    security = runner.client_kwargs["security"]
    assert security.require_encryption
    assert security.tls_ca_file == str(certificates["dask_ca"])
    assert security.tls_client_key == str(certificates["dask_key"])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (None, "names no scheduler"),
        ("dask:8786", "names no scheduler"),
        ("http://dask:8786", "names no scheduler"),
        ("tcp://dask:8786", "open to a network"),
        ("tcp://192.0.2.7:8786", "open to a network"),
        ("tls://dask:8786", "certificates cannot be read"),
    ],
)
def test_a_dask_that_others_could_reach_or_nobody_can_is_refused(address, said):
    with pytest.raises(SettingsInvalid, match=said):
        task_runner(Settings(compute="dask", dask_address=address))


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pipelines.spread", None)
    with pytest.raises(SettingsInvalid, match=r"gatecast\[dask\]"):
        task_runner(Settings(compute="dask", dask_address="tcp://127.0.0.1:8786"))


def test_a_worker_that_does_not_see_the_home_says_so(tmp_path):
    with pytest.raises(FittingFailed, match="does not see") as failure:
        fit_beside(Settings(home=tmp_path), tmp_path / "runs" / "oslo-1", "gru", lambda _: None)
    assert "shared by all machines" in str(failure.value)


@pytest.fixture
def killed():
    """A future whose training took each worker down with it."""

    def result(**_):
        raise distributed.KilledWorker("fit-1", SimpleNamespace(address="tls://b:40111"), 3)

    return SpreadFuture(wrapped_future=SimpleNamespace(result=result), task_run_id=None)


def test_a_training_that_took_every_worker_down_is_a_refusal_by_name(killed):
    told = killed.result(raise_on_failure=False)

    assert isinstance(told, FittingFailed)
    assert told.found == "tls://b:40111"
    with pytest.raises(FittingFailed, match="each worker"):
        killed.result()


@pytest.mark.parametrize("step", [climate.fit, language.fit])
def test_a_training_can_be_sent_to_a_worker(step):
    sent = loads(dumps(step))

    assert (sent.name, sent.fn.__module__) == (step.name, step.fn.__module__)


@pytest.mark.usefixtures("unmeasured_children")
def test_the_flow_loads_no_dask_where_none_is_asked_for():
    code = "import sys, pipelines.climate; sys.exit('distributed' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
