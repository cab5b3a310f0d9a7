"""The Prefect server dies in mid-flow: the work stands, and the reaper repairs the state later."""

import json
import subprocess
import sys

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from pipelines.operations.reaping_flows import Reaped, reap_flows
from tests.system.conftest import free_port, prefect_server, unmeasured

#: A flow that waits for a word between two pieces of work.
HALFWAY = """
import sys
from pathlib import Path
from prefect import flow
from prefect.runtime import flow_run
from forecasting.stores.files import write_json
from forecasting.stores.liveness import Process, claimed

@flow(name="climate-retraining")
def work(home: str):
    with claimed(Path(home), flow_run.id):
        print(flow_run.id, flush=True)
        input()
        write_json(Path(home) / "work.json", {"done": True})

work(sys.argv[1])
"""

#: A client asks a server that is away six times, for minutes in all; here twice shows the same.
IMPATIENT = {"PREFECT_CLIENT_MAX_RETRIES": "1"}


@pytest.mark.grown
@pytest.mark.timeout(1200)
def test_when_the_server_dies_in_mid_flow_the_work_stands_and_the_state_is_repaired_later(
    tmp_path,
):
    kept, port = tmp_path / "kept", free_port()
    kept.mkdir()
    with prefect_server(kept, port) as address:
        process = subprocess.Popen(
            [sys.executable, "-c", HALFWAY, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**unmeasured(), **IMPATIENT, "PREFECT_API_URL": address,
                 "PREFECT_HOME": str(tmp_path / "p")},
        )  # fmt: skip
        lost = process.stdout.readline().strip()
    process.communicate("go on\n", timeout=600)
    assert process.returncode != 0
    assert json.loads((tmp_path / "work.json").read_text()) == {"done": True}
    with (
        prefect_server(kept, port) as address,
        temporary_settings({PREFECT_API_URL: address}),
        get_client(sync_client=True) as client,
    ):
        assert client.read_flow_run(lost).state.type.value == "RUNNING"
        reaped = Reaped()
        reap_flows(tmp_path, reaped)
        assert reaped.flow_runs == [lost]
        assert client.read_flow_run(lost).state.type.value == "CRASHED"
