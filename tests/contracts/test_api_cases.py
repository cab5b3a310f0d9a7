"""Made-up requests against the live server: it keeps to its own OpenAPI, and never answers 5xx.

`make test` asks few, and the same ones every time. `make cases` asks twenty thousand, and CI five
thousand, others each time; both say the seed.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from forecasting.stores.published import CARD, GRAPH, publish, write_manifest
from forecasting.stores.stations import write_station
from serving.settings import ServingSettings
from tests.serving.conftest import MODEL_CARD, make_graph, make_station
from tests.serving.live import LiveServer
from tests.serving.texts import publish_version

pytestmark = pytest.mark.system

CONFIG = Path(__file__).with_name("schemathesis.toml")

#: Cases that each operation gets from each way of making them up, the seed, and the least of all.
CASES = os.environ.get("GATECAST_CASES", "8")
SEED = os.environ.get("GATECAST_CASES_SEED", "1")
LEAST = int(os.environ.get("GATECAST_CASES_LEAST", "500"))

#: From here on an answer is a hang, in seconds: the service has a deadline of its own for each, and
#: ten thousand characters take six seconds where others use the machine.
HANG = max(ServingSettings().forecast_seconds, ServingSettings().text_seconds)

#: How much a server may grow by being asked, in KiB: kept answers and code that was not used yet.
GROWTH = 96 * 1024


@pytest.fixture
def server(tmp_path):
    """A live server with a station's champion and a language model."""
    home = tmp_path / "home"
    write_station(home, make_station())
    files = tmp_path / "files"
    files.mkdir()
    (files / GRAPH).write_bytes(make_graph(MODEL_CARD))
    (files / CARD).write_text(json.dumps(asdict(MODEL_CARD)))
    write_manifest(files)
    publish(home, files, version=1, alias="champion", run_id="run-1")
    publish_version(home, tmp_path, model="language-schoolmistress", corpus="schoolmistress")
    with LiveServer.running(home, tmp_path / "modules") as server:
        server.wait_until(lambda: server.version() == 1)
        yield server


def resident(pid):
    """Return the resident memory of a process in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_made_up_requests_are_answered_as_the_interface_says_and_never_with_5xx(server, tmp_path):
    before = resident(server.process.pid)
    report = tmp_path / "report.ndjson"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(CONFIG), "run", f"http://127.0.0.1:{server.port}/openapi.json"),
        *("--checks", "all", "--phases", "examples,coverage,fuzzing", "--no-color"),
        *("--max-examples", CASES, "--seed", SEED, "--continue-on-failure"),
        *("--request-timeout", str(2 * HANG), "--max-response-time", str(HANG)),
        *("--warnings", "off"),
        *("--report", "ndjson", "--report-ndjson-path", str(report)),
    ]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    counted = next(line for line in done.stdout.splitlines() if "generated" in line)
    sys.stderr.write(f"\nseed {SEED}: {counted.strip()}\n")
    assert done.returncode == 0, done.stdout[-6000:]
    assert int(counted.split()[0].replace(",", "")) >= LEAST
    assert resident(server.process.pid) - before < GROWTH
    assert server.process.poll() is None
