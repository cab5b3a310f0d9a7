import tomllib

import pytest
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.utilities.importtools import import_object

from forecasting.errors import CorpusUnknown, DatasetUnknown, SettingsInvalid
from pipelines import language
from pipelines.catalogue import SHIPPED
from pipelines.deployments import deployments, language_deployments, upkeep_deployments
from pipelines.operations import scheduled, upkeep
from pipelines.operations.ticks import ScheduleInvalid
from pipelines.provenance import ROOT
from tests.pipelines.several import TEMP, WIND, write_sound


def make_deployments(*names, **changes):
    chosen = {"cron": "0 6 * * *", "timezone": None, "preset": "quick"}
    return deployments(names, **(chosen | changes))


def make_language_deployments(*names, **changes):
    chosen = {"cron": "0 3 * * 0", "timezone": None, "preset": "quick"}
    return language_deployments(names, **(chosen | changes))


def test_a_corpus_is_trained_on_a_cron_of_its_own_one_run_at_a_time():
    [deployment] = make_language_deployments("schoolmistress")
    [tick] = deployment.schedules
    assert (tick.schedule.cron, tick.schedule.timezone) == ("0 3 * * 0", "UTC")
    assert deployment.name == "language-schoolmistress"
    assert deployment.parameters == {"corpus": "schoolmistress", "preset": "quick"}
    assert deployment.concurrency_limit == 1
    assert import_object(deployment.entrypoint) is language.train_language
    with pytest.raises(CorpusUnknown):
        make_language_deployments("atlantis")


def test_a_station_is_retrained_on_its_own_clock_one_run_at_a_time():
    seattle, delhi = make_deployments("seattle", "delhi")
    [tick] = seattle.schedules
    assert (tick.schedule.cron, tick.schedule.timezone) == ("0 6 * * *", "America/Los_Angeles")
    assert delhi.schedules[0].schedule.timezone == "Asia/Kolkata"
    assert seattle.name == "retrain-seattle"
    assert seattle.parameters == {
        "dataset": "seattle",
        "preset": "quick",
        "cron": "0 6 * * *",
        "timezone": "America/Los_Angeles",
    }
    assert seattle.concurrency_limit == 1
    assert seattle.concurrency_options.collision_strategy == ConcurrencyLimitStrategy.CANCEL_NEW


def test_a_runner_in_another_folder_finds_the_flow_by_its_module():
    [deployment] = make_deployments("seattle")
    assert deployment.entrypoint == "pipelines.operations.scheduled.retrain_on_schedule"
    assert import_object(deployment.entrypoint) is scheduled.retrain_on_schedule


def test_a_time_zone_that_was_asked_for_goes_before_the_stations(tmp_path, declared, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [deployment] = make_deployments(declared.name, timezone="UTC")
    assert deployment.schedules[0].schedule.timezone == "UTC"
    assert deployment.parameters["dataset"] == str(declared.resolve())


@pytest.mark.parametrize(
    "wrong", [{"cron": "nonsense"}, {"cron": "61 6 * * *"}, {"timezone": "Mars/Olympus"}]
)
def test_a_schedule_that_cannot_be_read_is_refused(wrong):
    with pytest.raises(ScheduleInvalid, match="five cron fields") as refusal:
        make_deployments("seattle", **wrong)
    assert refusal.value.code == "SCHEDULE_INVALID"
    assert next(iter(wrong.values())) in refusal.value.found


def test_an_unknown_station_is_refused():
    with pytest.raises(DatasetUnknown):
        make_deployments("atlantis")


def declared_for_a_work_pool():
    from yaml import safe_load  # noqa: PLC0415 - comes with Prefect, which reads the same file

    return safe_load((ROOT / "prefect.yaml").read_text())


def test_a_work_pool_is_offered_the_same_deployments():
    offered = {each["name"]: each for each in declared_for_a_work_pool()["deployments"]}
    served = [
        *make_deployments("seattle", "delhi", preset="default"),
        *make_language_deployments("schoolmistress", preset="default"),
        *upkeep_deployments(),
    ]
    assert set(offered) == {deployment.name for deployment in served}
    for deployment in served:
        entry = offered[deployment.name]
        [tick] = entry["schedules"]
        assert tick["timezone"] == deployment.schedules[0].schedule.timezone
        assert tick["active"] is True
        clock = {"cron": tick["cron"], "timezone": tick["timezone"]}
        kept = entry.get("parameters", {})
        assert {name: kept[name] for name in clock.keys() & kept} in ({}, clock)
        assert kept.keys() == deployment.parameters.keys()
        for name in kept.keys() - clock.keys():
            assert kept[name] == deployment.parameters[name]
        assert entry["tags"] == deployment.tags
        assert entry["description"].split()[-1] in deployment.description
        strategy = deployment.concurrency_options.collision_strategy.value
        assert entry["concurrency_limit"] == {"limit": 1, "collision_strategy": strategy}
        make_deployments("seattle", cron=tick["cron"])


def test_every_entrypoint_offered_to_a_work_pool_is_an_installed_flow_wherever_it_starts():
    # By module: a worker's folder holds no source, and a Dask worker imports a task by its module.
    for entry in declared_for_a_work_pool()["deployments"]:
        flows = {"reaper": upkeep.reap, "pruner": upkeep.prune}
        flows["language-schoolmistress"] = language.train_language
        wanted = flows.get(entry["name"], scheduled.retrain_on_schedule)
        assert import_object(entry["entrypoint"]) is wanted


def test_a_run_in_a_work_pool_refuses_a_home_that_would_go_with_its_folder(
    tmp_path, own_environment, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    own_environment.pop("GATECAST_HOME", None)
    own_environment["PREFECT__FLOW_RUN_ID"] = "run"
    for entry in declared_for_a_work_pool()["deployments"]:
        with pytest.raises(SettingsInvalid, match="an absolute path in GATECAST_HOME; found var"):
            import_object(entry["entrypoint"]).fn()
    assert list(tmp_path.iterdir()) == []


def test_the_version_named_in_the_file_is_the_pinned_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pin = next(each for each in project["dependencies"] if each.startswith("prefect"))
    assert pin == f"prefect=={declared_for_a_work_pool()['prefect-version']}"


def test_a_dataset_of_several_stations_and_targets_is_one_deployment(tmp_path):
    [deployment] = make_deployments(str(write_sound(tmp_path, rows=5)))
    assert deployment.name == "retrain-sound"
    assert deployment.tags == ["climate", "seatac", "tacoma"]
    assert deployment.schedules[0].schedule.timezone == "America/Los_Angeles"


def test_two_names_of_one_station_or_corpus_are_refused(tmp_path):
    other = tmp_path / "other.toml"
    other.write_bytes((SHIPPED / "seattle.toml").read_bytes())
    with pytest.raises(SettingsInvalid, match="found retrain-seattle") as refusal:
        make_deployments("seattle", "delhi", str(other))
    assert refusal.value.code == "SETTINGS_INVALID"
    with pytest.raises(SettingsInvalid, match="found language-schoolmistress"):
        make_language_deployments("schoolmistress", "schoolmistress")


def test_each_target_that_is_named_is_a_deployment_of_its_own(tmp_path):
    toml = write_sound(tmp_path, rows=5)
    parts = ("#tacoma", f"#tacoma@{TEMP}", f"#tacoma@{WIND}", f"@{WIND}")
    made = make_deployments(*(f"{toml}{part}" for part in parts))
    assert [each.name for each in made] == [
        "retrain-tacoma",
        f"retrain-tacoma--{TEMP}",
        f"retrain-tacoma--{WIND}",
        f"retrain-sound--{WIND}",
    ]
