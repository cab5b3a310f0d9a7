import pytest

from forecasting.errors import DatasetInvalid, DatasetUnknown
from pipelines.catalogue import find_dataset, shipped_datasets

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
