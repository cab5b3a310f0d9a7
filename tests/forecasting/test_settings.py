from pathlib import Path

import pytest

from forecasting.errors import SettingsInvalid
from forecasting.settings import load_settings, read_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """A current folder without a settings file, and an environment that says nothing."""
    for name in ("GATECAST_HOME", "GATECAST_WORKERS", "GATECAST_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_default_holds_where_nobody_says_anything(tmp_path):
    assert load_settings().root == tmp_path / "var"


def test_the_file_goes_before_the_default():
    Path("gatecast.toml").write_text("workers = 3\n")

    assert load_settings().workers == 3


def test_the_environment_goes_before_the_file(monkeypatch):
    Path("gatecast.toml").write_text("workers = 3\n")
    monkeypatch.setenv("GATECAST_WORKERS", "4")

    assert load_settings().workers == 4


def test_a_flag_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("GATECAST_WORKERS", "4")

    assert load_settings(workers=5).workers == 5


def test_a_flag_that_was_not_given_leaves_the_environment_alone(monkeypatch):
    monkeypatch.setenv("GATECAST_WORKERS", "4")

    assert load_settings(workers=None).workers == 4


def test_the_tracking_store_lies_under_the_home_unless_another_is_named(tmp_path):
    assert load_settings(home=tmp_path).tracking == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert load_settings(tracking_uri="http://127.0.0.1:5000").tracking == "http://127.0.0.1:5000"


def test_an_empty_tracking_address_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("GATECAST_TRACKING_URI", "")

    assert load_settings(home=tmp_path).tracking.startswith("sqlite:///")
    assert load_settings().tracking_uri is None
    assert load_settings(tracking_uri="").tracking_uri is None


@pytest.mark.parametrize("value", ["0", "65", "many"])
def test_a_bad_value_is_refused_by_name(monkeypatch, value):
    monkeypatch.setenv("GATECAST_WORKERS", value)

    with pytest.raises(SettingsInvalid, match=f"setting workers: .*; found {value}"):
        load_settings()


def test_a_list_that_is_no_list_is_refused(monkeypatch):
    monkeypatch.setenv("GATECAST_URL_HOSTS", "example.org")

    with pytest.raises(SettingsInvalid, match="url_hosts"):
        load_settings()


def test_a_file_that_is_no_toml_is_refused():
    Path("gatecast.toml").write_text("workers: 3\n")

    with pytest.raises(SettingsInvalid, match=r"gatecast\.toml cannot be read"):
        load_settings()


def test_a_run_of_a_deployment_needs_a_home_that_does_not_go_with_its_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run")
    Path("gatecast.toml").write_text('home = "kept"\n')

    with pytest.raises(SettingsInvalid, match="GATECAST_HOME; found kept") as refusal:
        load_settings()
    assert refusal.value.code == "SETTINGS_INVALID"
    assert read_settings().root == tmp_path / "kept"
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path / "home"))
    assert load_settings().root == tmp_path / "home"
