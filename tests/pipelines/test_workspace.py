import json
import subprocess
import sys
from dataclasses import replace

import pytest

from forecasting.climate.recipe import RECIPES
from forecasting.errors import AlreadyRunning, DataUnchecked
from forecasting.settings import Settings
from forecasting.stores.files import NameInvalid
from pipelines.workspace import close_workspace, only_run, open_workspace, read_plan

HOLD = """
import sys
from pathlib import Path
from forecasting.settings import Settings
from pipelines.workspace import only_run
with only_run(Settings(home=Path(sys.argv[1])), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def plan(make):
    return make.plan(make.series())


def test_the_same_plan_has_the_same_folder_and_reads_back(tmp_path, plan, make):
    folder = open_workspace(tmp_path, plan)
    again = open_workspace(tmp_path, make.plan(make.series()))
    assert folder == again
    assert folder.parent == tmp_path / "runs"
    assert read_plan(folder) == plan


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"preset": "default"}, {"data_sha256": "0" * 64}, {"station": "bergen"}]
)
def test_another_plan_has_another_folder(tmp_path, plan, change):
    assert open_workspace(tmp_path, replace(plan, **change)) != open_workspace(tmp_path, plan)


def test_a_changed_recipe_has_another_folder(tmp_path, plan, monkeypatch):
    before = open_workspace(tmp_path, plan)
    monkeypatch.setitem(RECIPES, "quick", replace(RECIPES["quick"], widths=(48,)))
    assert open_workspace(tmp_path, plan) != before


def test_closing_drops_the_folder_and_may_be_done_twice(tmp_path, plan):
    folder = open_workspace(tmp_path, plan)
    (folder / "gru").mkdir()
    (folder / "gru" / "member-1.safetensors").write_bytes(b"weights")
    close_workspace(folder)
    close_workspace(folder)
    assert not folder.exists()


def test_a_plan_gives_work_on_data_with_a_verdict_and_on_no_other(work):
    fitting = work.plan.fitting(work.settings.root, "gru")
    assert fitting.series.sha256 == work.plan.data_sha256
    (work.settings.root / "admitted" / work.plan.data_sha256 / "verdict.json").unlink()
    with pytest.raises(DataUnchecked, match="no verdict"):
        work.plan.fitting(work.settings.root, "gru")


def test_a_second_process_is_told_that_the_station_is_being_retrained(tmp_path):
    settings = Settings(home=tmp_path)
    command = [sys.executable, "-c", HOLD, str(tmp_path), "oslo"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(AlreadyRunning, match="oslo is being retrained") as refusal,
            only_run(settings, "oslo"),
        ):
            pass
        with only_run(settings, "bergen"):
            pass
        other.communicate("\n")
    assert refusal.value.code == "ALREADY_RUNNING"
    assert json.dumps(refusal.value.to_json())
    with only_run(settings, "oslo"):
        pass


def test_the_station_is_free_again_after_work_that_failed(tmp_path):
    settings = Settings(home=tmp_path)
    with pytest.raises(ZeroDivisionError), only_run(settings, "oslo"):
        _ = 1 / 0
    with only_run(settings, "oslo"):
        pass


def test_a_time_out_of_the_work_itself_is_not_taken_for_another_run(tmp_path):
    with (
        pytest.raises(TimeoutError, match="the source hangs"),
        only_run(Settings(home=tmp_path), "oslo"),
    ):
        raise TimeoutError("the source hangs")


def test_a_station_whose_name_is_a_path_gets_no_lock(tmp_path):
    with pytest.raises(NameInvalid), only_run(Settings(home=tmp_path), "../oslo"):
        pass
    assert not list(tmp_path.rglob("*.lock"))
