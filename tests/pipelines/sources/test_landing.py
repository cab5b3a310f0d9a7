import gzip
import json
import sys
import threading
import types

import pytest

from data_checks.declaration import parse_dataset
from forecasting.errors import (
    AlreadyRunning,
    SourceForbidden,
    SourceFormat,
    SourceTooLarge,
    SourceUnavailable,
)
from forecasting.settings import load_settings
from pipelines.sources import land
from pipelines.sources.landing import ingesting, landed

TEXT = """
name = "oslo"
licence = "CC0-1.0"
target = "temperature_2m_mean"
source = { SOURCE }
station = { latitude = 59.9, longitude = 10.7, timezone = "Europe/Oslo" }
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
"""
URL = 'kind = "url", url = "https://data.example/a.csv"'
GOOD = b"date,temp\n2024-01-01,1\n2024-01-02,2\n"


def dataset(source=URL):
    return parse_dataset(TEXT.replace("SOURCE", source), "oslo.toml")


@pytest.fixture
def settings(tmp_path):
    return load_settings(home=tmp_path / "home")


def raw(settings):
    return {path.name: path.read_bytes() for path in sorted((settings.root / "raw").glob("*"))}


def test_a_file_is_landed_under_its_own_sum_and_may_not_be_written(stub, answer_with, settings):
    stub.answers = [answer_with(GOOD)]
    (file,) = land(dataset(), settings, policy=stub.policy())
    assert file.path == settings.root / "raw" / f"{file.sha256}.csv"
    assert file.path.read_bytes() == GOOD
    assert file.path.stat().st_mode & 0o777 == 0o444
    assert (file.rows, file.start, file.end) == (2, "2024-01-01", "2024-01-02")
    card = json.loads(file.path.with_suffix(".json").read_text())
    assert (card["source"], card["licence"]) == ("https://data.example/a.csv", "CC0-1.0")
    assert landed(settings.root) == [file]


def test_the_same_content_twice_is_one_file(stub, answer_with, settings):
    stub.answers = [answer_with(GOOD)]
    (first,) = land(dataset(), settings, policy=stub.policy())
    before = raw(settings)
    (second,) = land(dataset(), settings, policy=stub.policy())
    assert second == first
    assert raw(settings) == before


def test_a_landed_file_that_was_damaged_is_replaced(stub, answer_with, settings):
    stub.answers = [answer_with(GOOD)]
    (file,) = land(dataset(), settings, policy=stub.policy())
    file.path.chmod(0o644)
    file.path.write_bytes(b"damaged")
    (again,) = land(dataset(), settings, policy=stub.policy())
    assert again.path.read_bytes() == GOOD


def test_local_files_stand_in_for_the_declared_source(settings, tmp_path, stub):
    (tmp_path / "mine.csv").write_bytes(GOOD)
    (file,) = land(dataset(), settings, [tmp_path / "mine.csv"], policy=stub.policy())
    assert file.source == str(tmp_path / "mine.csv")
    assert stub.requests == []


def test_declared_local_files_are_landed_in_order(settings, tmp_path):
    (tmp_path / "a.csv").write_bytes(GOOD)
    (tmp_path / "b.csv").write_bytes(GOOD + b"2024-01-03,3\n")
    paths = f'kind = "csv", paths = ["{tmp_path}/b.csv", "{tmp_path}/a.csv"]'
    assert [file.rows for file in land(dataset(paths), settings)] == [3, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"<!doctype html><title>Please log in</title>",
        b"",
        b"day;temp\n2024-01-01;1\n",
        b"date,temp\n",
        b"date,temp\n2024-01-01,\0\n",
    ],
)
def test_what_is_not_the_declared_data_is_never_landed(stub, answer_with, settings, body):
    stub.answers = [answer_with(GOOD)]
    land(dataset(), settings, policy=stub.policy())
    before = raw(settings)
    stub.answers = [answer_with(body)]
    with pytest.raises(SourceFormat) as refusal:
        land(dataset(), settings, policy=stub.policy())
    assert refusal.value.code == "SOURCE_FORMAT"
    assert refusal.value.expected
    assert refusal.value.found
    assert raw(settings) == before


def broken(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(GOOD)


def test_a_source_that_breaks_off_leaves_the_last_raw_file_untouched(stub, answer_with, settings):
    stub.answers = [answer_with(GOOD)]
    land(dataset(), settings, policy=stub.policy())
    before = raw(settings)
    stub.answers = [broken]
    with pytest.raises(SourceUnavailable):
        land(dataset(), settings, policy=stub.policy())
    assert raw(settings) == before


def test_of_several_files_none_is_landed_unless_all_are_whole(settings, tmp_path):
    (tmp_path / "a.csv").write_bytes(GOOD)
    (tmp_path / "b.csv").write_bytes(b"<html>")
    with pytest.raises(SourceFormat):
        land(dataset(), settings, [tmp_path / "a.csv", tmp_path / "b.csv"])
    assert raw(settings) == {}


def test_a_file_that_is_not_the_fixed_one_is_refused(stub, answer_with, settings):
    stub.answers = [answer_with(GOOD)]
    (file,) = land(dataset(), settings, policy=stub.policy())
    fixed = dataset(f'{URL}, sha256 = ["{file.sha256}"]')
    assert land(fixed, settings, policy=stub.policy()) == (file,)
    stub.answers = [answer_with(GOOD.replace(b"2\n", b"3\n"))]
    with pytest.raises(SourceFormat, match="not the file that the dataset fixes"):
        land(fixed, settings, policy=stub.policy())
    assert len(raw(settings)) == 2


def test_a_bomb_is_refused(settings, tmp_path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"0" * 3_000_000))
    with pytest.raises(SourceTooLarge):
        land(dataset(), settings, [tmp_path / "a.csv.gz"])
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(GOOD))
    (file,) = land(dataset(), settings, [tmp_path / "a.csv.gz"])
    assert file.path.read_bytes() == GOOD


def test_the_policy_of_the_settings_refuses_other_hosts(settings):
    with pytest.raises(SourceForbidden, match="the host is not allowed"):
        land(dataset(), settings)


def test_of_two_ingests_at_once_one_wins_and_the_other_is_told(stub, answer_with, settings):
    arrived, go_on = threading.Event(), threading.Event()

    def slow(handler):
        arrived.set()
        go_on.wait(5)
        answer_with(GOOD)(handler)

    stub.answers = [slow]
    files = []
    first = threading.Thread(
        target=lambda: files.extend(land(dataset(), settings, policy=stub.policy()))
    )
    first.start()
    assert arrived.wait(5)
    with pytest.raises(AlreadyRunning, match="oslo is being landed"):
        land(dataset(), settings, policy=stub.policy())
    go_on.set()
    first.join()
    assert [file.rows for file in files] == [2]
    assert land(dataset(), settings, policy=stub.policy()) == tuple(files)


def test_another_dataset_is_landed_meanwhile(settings, tmp_path):
    (tmp_path / "a.csv").write_bytes(GOOD)
    with ingesting(settings, "bergen"):
        assert land(dataset(), settings, [tmp_path / "a.csv"])


def test_the_archive_is_landed_with_its_terms(meteo_stub, answer_with, settings):
    body = {
        "daily_units": {"time": "iso8601", "temp": "°C"},
        "daily": {"time": ["2024-01-01"], "temp": [1.5]},
    }
    meteo_stub.answers = [answer_with(json.dumps(body).encode())]
    text = TEXT.replace("SOURCE", 'kind = "open-meteo", start = 2024-01-01, end = 2024-01-01')
    own = parse_dataset(text.replace('licence = "CC0-1.0"\n', ""), "oslo.toml")
    (file,) = land(own, settings, policy=meteo_stub.policy())
    assert file.path.read_bytes() == b"date,temp\n2024-01-01,1.5\n"
    assert file.source == "https://archive-api.open-meteo.com/v1/archive"
    assert (file.licence, "Open-Meteo" in file.attribution) == ("CC-BY-4.0", True)


def test_a_kaggle_dataset_is_landed(settings, tmp_path, monkeypatch, stub):
    (tmp_path / "a.csv").write_bytes(GOOD)
    module = types.ModuleType("kagglehub")
    module.dataset_download = lambda _handle: str(tmp_path)
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    own = dataset('kind = "kaggle", dataset = "somebody/data", files = ["a.csv"]')
    (file,) = land(own, settings, policy=stub.policy())
    assert (file.source, file.rows) == ("kaggle somebody/data: a.csv", 2)


def test_rows_without_a_readable_date_leave_the_period_open(settings, tmp_path):
    (tmp_path / "a.csv").write_bytes(b"date,temp\nsoon,1\n")
    (file,) = land(dataset(), settings, [tmp_path / "a.csv"])
    assert (file.rows, file.start, file.end) == (1, "", "")
