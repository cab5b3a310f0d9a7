"""The language flow under the real Prefect, from a declared text to its decision; tiny networks."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from forecasting.settings import Settings
from forecasting.stores.registry.versions import connect
from tests.pipelines.texts.conftest import DECLARED, make_words
from tests.system.conftest import unmeasured

pytestmark = pytest.mark.system

#: The real verb and the real flow; networks of a second, trained in the flow's own process,
#: because a child would look the preset up anew.
RUN = """
import io, threading
from contextlib import redirect_stdout
from forecasting.language import presets
from pipelines import language
from pipelines.texts.fitting import main
from tests.pipelines.texts.conftest import TINY
import gatecast

one_at_a_time = threading.Lock()  # there is one standard output

def beside(settings, folder, name, watch, module):
    with one_at_a_time, redirect_stdout(io.StringIO()):
        assert main([str(settings.root), str(folder), name]) == 0
    return folder / name

presets.RECIPES["quick"] = TINY
language.fit_beside = beside
gatecast.main()
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory, request, shared_prefect):
    """Train a language model of a text that was drawn from a dozen words."""
    folder = tmp_path_factory.mktemp("language")
    (folder / "words.txt").write_text(make_words(2000))
    (folder / "words.toml").write_text(DECLARED)
    home = folder / "home"
    words = ["language", "train", str(folder / "words.toml"), "--preset", "quick", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, "--home", str(home), *words],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        cwd=folder,
        env={
            **unmeasured(),
            **shared_prefect,
            "PYTHONPATH": str(request.config.rootpath),
            # The verb sets these before it imports Prefect; here the script imports first.
            "PREFECT_HOME": str(home / "prefect"),
        },
    )
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(home=home, said=json.loads(done.stdout))


def test_the_flow_comes_to_a_decision_with_every_number_that_was_promised(trained):
    said = trained.said
    assert set(said) >= {
        "version", "promoted", "test_bits_per_character", "test_perplexity",
        "best_ngram_bits_per_character", "characters_per_second", "parameters", "verdict",
    }  # fmt: skip
    assert said["test_perplexity"] == pytest.approx(2 ** said["test_bits_per_character"])
    assert said["promoted"] == all(check["passed"] for check in said["verdict"]["checks"])


def test_the_run_is_finished_and_carries_the_verdict(trained):
    client = connect(Settings(home=trained.home))
    run = client.get_run(trained.said["run_id"])

    assert run.info.status == "FINISHED"
    assert run.data.params["preset"] == "quick"
    assert run.data.tags["verdict"] == trained.said["verdict"]["sentence"]


def test_everything_of_the_training_is_under_the_home_folder_and_its_workspace_is_gone(trained):
    assert {path.name for path in trained.home.parent.iterdir()} == {
        "home", "words.txt", "words.toml",
    }  # fmt: skip
    assert not any((trained.home / "runs").iterdir())
