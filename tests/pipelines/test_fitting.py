import json
import os
import signal
from pathlib import Path

import pytest

from pipelines import fitting
from pipelines.fitting import FittingFailed, fit_beside, main


@pytest.fixture
def children(monkeypatch):
    """Every process that `fit_beside` has started."""
    started = []

    class Recorded(fitting.subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(fitting.subprocess, "Popen", Recorded)
    return started


def nothing(told):
    """Watch without a word."""


@pytest.mark.usefixtures("unmeasured_children")
def test_a_killed_candidate_is_a_failure_and_the_next_try_resumes_it(work, children):
    def kill_in_epoch_3(told):
        if told["epoch"] == 3:
            os.kill(children[0].pid, signal.SIGKILL)

    with pytest.raises(FittingFailed) as failure:
        fit_beside(work.settings, work.folder, "gru", kill_in_epoch_3)
    assert failure.value.code == "FITTING_FAILED"
    assert "exit -9" in failure.value.found
    assert not (work.folder / "gru" / "history.json").exists()

    heard = []
    path = fit_beside(work.settings, work.folder, "gru", heard.append)
    assert path == work.folder / "gru"
    assert (path / "member-1000.safetensors").is_file()
    epochs = [told["epoch"] for told in heard if told.get("member") == 0]
    history = json.loads((path / "history.json").read_text())["1000"]["history"]
    assert epochs[0] >= 3
    assert [each["epoch"] for each in history] == list(range(1, epochs[-1] + 1))
    assert heard[-1] == {"cell": "gru", "done": 4}


def test_a_candidate_that_refuses_carries_its_code(work):
    (work.settings.root / "admitted" / work.plan.data_sha256 / "verdict.json").unlink()
    with pytest.raises(FittingFailed, match="candidate lstm was not trained") as failure:
        fit_beside(work.settings, work.folder, "lstm", nothing)
    assert "DATA_UNCHECKED" in str(failure.value)
    assert "no verdict" in str(failure.value)


@pytest.fixture
def child_that(tmp_path, monkeypatch):
    """Put a shell script in the place of the interpreter: the real child loads torch for long."""

    def does(script):
        path = tmp_path / "child"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(fitting.sys, "executable", str(path))

    return does


def test_a_process_that_breaks_leaves_its_last_words(settings, child_that):
    child_that("echo 'no such library' >&2; exit 3")
    with pytest.raises(FittingFailed) as failure:
        fit_beside(settings, settings.root, "gru", nothing)
    assert "exit 3" in failure.value.found
    assert "no such library" in failure.value.found


def test_a_watcher_that_breaks_leaves_no_process_behind(settings, child_that, children):
    def broken(told):
        raise RuntimeError(f"cannot show {told['cell']}")

    child_that("""echo '{"cell": "gru"}'; exec sleep 60""")
    with pytest.raises(RuntimeError, match="cannot show gru"):
        fit_beside(settings, settings.root, "gru", broken)
    assert children[0].returncode == -signal.SIGKILL


def test_the_members_are_trained_one_by_one_and_told_line_by_line(work, tiny_recipe, capsys):
    assert main([str(work.settings.root), str(work.folder), "lstm"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    epochs = tiny_recipe.training.epochs
    assert [each.get("member") for each in told] == [
        member for turn in range(4) for member in (*[turn] * epochs, None)
    ]
    assert [each["done"] for each in told if "done" in each] == [1, 2, 3, 4]
    assert {each["cell"] for each in told} == {"lstm"}
    history = json.loads((work.folder / "lstm" / "history.json").read_text())
    assert list(history) == ["1000", "1001", "1002", "1003"]


@pytest.mark.parametrize("damage", ["changed", "removed"])
def test_nothing_is_trained_on_data_without_its_own_verdict(work, tiny_recipe, capsys, damage):
    verdict = work.settings.root / "admitted" / work.plan.data_sha256 / "verdict.json"
    if damage == "removed":
        verdict.unlink()
    else:
        verdict.write_text(verdict.read_text().replace('"accepted"', '"refused"'))
    assert main([str(work.settings.root), str(work.folder), "gru"]) == 1
    [told] = capsys.readouterr().out.splitlines()
    assert json.loads(told)["refused"]["code"] == "DATA_UNCHECKED"
    assert not list(Path(work.folder).rglob("*.safetensors"))
    assert tiny_recipe.name == "quick"
