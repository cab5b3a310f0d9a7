"""P1: of two promoters at once one wins, the other is told; no update is lost, no alias missing."""

import itertools
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from forecasting.stores.registry.aliases import read_log
from tests.postgres import BINARIES, MISSING, cluster

NUMBERS = itertools.count()
SCRIPT = Path(__file__).with_name("racing_promoters.py")


pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def database():
    if BINARIES is None:
        pytest.skip(MISSING)
    with cluster() as made:
        yield made


@pytest.fixture(params=["sqlite", "postgres"])
def tracking(request):
    """The address of an empty store: none for the home's own."""
    if request.param == "sqlite":
        return ""
    made = request.getfixturevalue("database")
    name = f"race{next(NUMBERS)}"
    made.create(name)
    return made.address(name, driver="psycopg")


@pytest.fixture
def race(settings, tracking, exported, card_of, assert_chained):
    def act(rounds):
        graph, weights = exported / "model.onnx", exported / "weights.safetensors"
        done = subprocess.run(
            [sys.executable, str(SCRIPT), settings.root, graph, weights,
             json.dumps(asdict(card_of())), str(rounds), tracking],
            capture_output=True, text=True, timeout=290, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert_chained(settings.root)
        return json.loads(done.stdout), read_log(settings.root)

    return act


def assert_none_wrong(found, log, rounds):
    assert found["ended"] == [0, 0, 0]
    assert found["reader"]["looks"] >= rounds
    assert found["reader"]["missing"] == 0
    assert found["rounds"] == [["CHAMPION_MOVED", "won"]] * rounds
    assert [line["why"] for line in log[1:]] == [str(number) for number in range(rounds)]
    for earlier, later in itertools.pairwise(log):
        assert later["before"] == earlier["after"]
    assert found["champion"] == found["published"] == log[-1]["after"]
    assert found["previous"] == log[-1]["before"]


def test_of_two_promoters_at_once_one_wins_and_the_log_agrees_with_the_alias(race):
    found, log = race(20)

    assert_none_wrong(found, log, 20)
