from pathlib import Path

import pytest

from forecasting.errors import DatasetInvalid, DatasetUnknown
from pipelines.catalogue import find_dataset, find_parts, part_names, resolved, shipped_datasets
from tests.pipelines.several import TEMP, WIND, write_sound

TEXT = """
name = "oslo"
target = "temperature_2m_mean"
source = { kind = "csv", paths = ["data/oslo.csv", "/srv/more.csv"] }
station = { latitude = 59.9, longitude = 10.7, timezone = "Europe/Oslo" }
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
"""


def test_seattle_and_delhi_are_shipped():
    assert [dataset.name for dataset in shipped_datasets()] == ["delhi", "seattle"]


@pytest.mark.parametrize("dataset", shipped_datasets(), ids=lambda dataset: dataset.name)
def test_a_shipped_dataset_is_whole(dataset):
    assert find_dataset(dataset.name) == dataset
    assert dataset.variables[0].name == dataset.target == "temperature_2m_mean"
    assert dataset.licence != "not stated"
    assert dataset.title
    assert dataset.attribution
    assert dataset.max_age_days is None
    assert (dataset.history, dataset.horizon) == (60, 7)


def test_delhi_declares_its_pressure_bounds_and_its_wind_unit():
    columns = find_dataset("delhi").columns
    assert columns["meanpressure"].bounds == (950, 1060)
    assert columns["wind_speed"].unit == "km/h"


def test_seattle_is_fixed_by_its_sum():
    dataset = find_dataset("seattle")
    assert len(dataset.source.sha256) == 1
    assert dataset.derived[dataset.target].mean_of == ("temperature_2m_max", "temperature_2m_min")


def test_a_file_declares_a_dataset_and_its_paths_are_relative_to_it(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "oslo.toml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    dataset = find_dataset("own/oslo.toml")
    assert dataset.source.names() == (str(tmp_path / "own/data/oslo.csv"), "/srv/more.csv")


@pytest.mark.parametrize("name", ["oslo", "", "../seattle", "http://data.example/a", "none.toml"])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(DatasetUnknown) as refusal:
        find_dataset(name)
    known = "a readable .toml file" if name.endswith(".toml") else "delhi, seattle, or a path"
    assert known in refusal.value.expected


@pytest.mark.parametrize("content", [b"\xff\xfe", b"<html>", b"#" * (2**20 + 1)])
def test_a_file_that_declares_nothing_is_refused(tmp_path, content):
    path = tmp_path / "oslo.toml"
    path.write_bytes(content)
    with pytest.raises(DatasetInvalid, match=r"oslo\.toml"):
        find_dataset(str(path))


@pytest.fixture
def sound(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_sound(tmp_path, rows=5)
    return "sound.toml"


@pytest.mark.parametrize(
    ("behind", "models"),
    [
        ("", ["seatac", f"seatac--{WIND}", "tacoma", f"tacoma--{WIND}"]),
        ("#tacoma", ["tacoma", f"tacoma--{WIND}"]),
        (f"@{TEMP}", ["seatac", "tacoma"]),
        (f"#tacoma@{WIND}", [f"tacoma--{WIND}"]),
    ],
)
def test_a_name_stands_for_all_stations_and_targets_or_for_some(sound, behind, models):
    parts = part_names(sound + behind)
    assert [part.model for part in parts.values()] == [f"climate-{model}" for model in models]
    for name, part in parts.items():
        assert find_dataset(name) == part
        assert find_dataset(resolved(name)) == part
    assert {part.source.names() for part in parts.values()} == {(str(Path("sound.csv").resolve()),)}


@pytest.mark.parametrize("behind", ["#oslo", "@snow", f"#oslo@{TEMP}"])
def test_a_part_that_is_not_there_is_refused_with_those_that_are(sound, behind):
    with pytest.raises(DatasetUnknown) as refusal:
        find_parts(sound + behind)
    assert refusal.value.expected == f"#station among seatac, tacoma, @target among {TEMP}, {WIND}"


def test_one_part_must_be_named_where_only_one_will_do(sound):
    with pytest.raises(DatasetInvalid, match="does not name one station and one target"):
        find_dataset(sound)


def test_a_shipped_dataset_may_be_named_by_its_part_too():
    assert find_dataset("seattle#seattle@temperature_2m_mean") == find_dataset("seattle")
    with pytest.raises(DatasetUnknown):
        find_dataset("sea\nttle")
