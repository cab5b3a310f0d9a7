"""A small home, a real server on it, and a real Chromium: one of each for all browser tests."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from forecasting.stores.admitted import VERDICT, admitted_folder
from forecasting.stores.decisions import DecisionEntry, LeadScores, append_decision
from forecasting.stores.files import write_json
from forecasting.stores.published import CARD, GRAPH, publish, write_manifest
from forecasting.stores.stations import StationRecord, write_station
from tests.serving.conftest import MODEL_CARD, make_graph, make_station
from tests.serving.texts import publish_version

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "tests" / "serving" / "live_server.py"
CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip

LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
DAILY = replace(MODEL_CARD, levels=LEVELS)
HOURLY = replace(
    DAILY, model="climate-oslo", station="oslo", step_seconds=3600, horizon=24, history=48
)
REFUSED = (100, 101, 130)


def make_refusing():
    """Seattle, with three values that the data checks refused and one that is only missing."""
    record = make_station(days=160, gaps=(*REFUSED, 150))
    labels = tuple(record.recent.time[place] for place in REFUSED)
    recent = replace(record.recent, quarantined={"temperature_2m_mean": labels})
    return StationRecord(card=record.card, recent=recent)


def make_hourly():
    """Oslo, a station of hours."""
    record = make_station("oslo", days=240)
    last = datetime(2015, 12, 31, 18, tzinfo=UTC)
    time_labels = tuple(
        f"{last - timedelta(hours=239 - step):%Y-%m-%dT%H:%M}" for step in range(240)
    )
    card = replace(record.card, step_seconds=3600, history=48, horizon=24)
    return StationRecord(card=card, recent=replace(record.recent, time=time_labels))


def make_decision(version, **changes):
    def scores(first, *, covered=None):
        by_lead = tuple(first + 0.1 * lead for lead in range(7))
        shares = (None, None) if covered is None else covered
        return LeadScores(
            mean_mae=sum(by_lead) / 7,
            mae_by_lead=by_lead,
            coverage_80_by_lead=shares[0] and (shares[0],) * 7,
            coverage_95_by_lead=shares[1] and (shares[1],) * 7,
        )

    known = {
        "model": "climate-seattle",
        "version": version,
        "run_id": f"run-{version}",
        "promoted": True,
        "sentence": "Promoted: mean MAE 1.300 against 1.500 of climatology.",
        "who": "anna",
        "time": "2016-01-02T06:00:00+00:00",
        "skill_horizon": 6,
        "origins": 180,
        "candidate": scores(1.0, covered=(0.81, 0.94)),
        "rivals": {name: scores(1.3) for name in ("persistence", "climatology", "linear")},
        "seasons": {"JJA": scores(0.9, covered=(0.8, 0.95))},
    }
    return DecisionEntry(**(known | changes))


def publish_model(home, scratch, card):
    files = scratch / card.model
    files.mkdir(parents=True)
    (files / GRAPH).write_bytes(make_graph(card))
    write_json(files / CARD, dict(card.__dict__))
    write_manifest(files)
    publish(home, files, version=1, alias="champion", run_id="run-1")


@pytest.fixture(scope="session")
def browsed_home(tmp_path_factory):
    """Seattle in full, Oslo by the hour, Bergen without a model, and a language model."""
    home, scratch = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("scratch")
    for record in (make_refusing(), make_hourly(), make_station("bergen")):
        write_station(home, record)
    for card in (DAILY, HOURLY):
        publish_model(home, scratch, card)
    append_decision(home, make_decision(1))
    append_decision(
        home,
        make_decision(
            None, promoted=False, sentence="Refused: luck.", time="2016-01-03T06:00:00+00:00"
        ),
    )
    reason = {
        "code": "OUT_OF_BOUNDS", "date": "2015-11-01", "variable": "temperature_2m_mean",
        "found": "<b>99</b>", "expected": "-40 to 50",
    }  # fmt: skip
    verdict = {
        "accepted": 157, "quarantined": 3, "missing_days": 1, "step": "day", "reasons": [reason],
        "expectations": [], "files_sha256": ["f" * 64], "verdict": "accepted",
    }  # fmt: skip
    write_json(admitted_folder(home, "e" * 64) / VERDICT, verdict)
    publish_version(home, scratch)
    return home


@pytest.fixture(scope="session")
def program():
    """The browser; without one nothing else is started."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM} on this machine")
    return CHROMIUM


@pytest.fixture(scope="session")
def address(program, browsed_home, tmp_path_factory):  # noqa: ARG001 - skips first
    """The address of a live server that has its chart library."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "GATECAST_HOME": str(browsed_home),
        "GATECAST_HEAL": "false",
        "PYTHONPATH": str(ROOT),
    }
    modules = tmp_path_factory.mktemp("modules") / "modules"
    server = subprocess.Popen(
        [sys.executable, str(LAUNCHER), str(port), str(modules)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: read(f"{base}/readyz") is not None)
        wait_until(lambda: "/assets/vega-" in (read(f"{base}/") or ""))
        yield base
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
    # The chart library was written by a child: its engine was never in the server.
    assert "vl_convert" not in modules.read_text()


def read(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except OSError:
        return None


def wait_until(truth, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > deadline:
            pytest.fail("did not happen in time")
        time.sleep(0.05)


@pytest.fixture(scope="module")
def chromium(program):
    # For a module, not for the session: while it lasts, Playwright's event loop runs in this
    # thread, and other tests could run none of their own.
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=str(program), headless=True, args=list(FLAGS)
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Open a page in a fresh profile; at the end, nothing was asked of anybody else."""
    asked, complaints, contexts = [], [], []

    def open_page(path, *, status=200, **profile):
        context = chromium.new_context(**({"viewport": {"width": 1100, "height": 900}} | profile))
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        answer = page.goto(f"{address}{path}")
        assert answer.status == status
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert [said for said in complaints if "status of 404" not in said] == []
