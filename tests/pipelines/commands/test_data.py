import json
import subprocess
import sys

import pytest

from forecasting.errors import DatasetUnknown, SourceFormat
from pipelines.commands.data import list_datasets, pull
from tests.pipelines.several import TEMP, WIND, write_sound

SEATTLE_SHA256 = "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path))
    return tmp_path


def printed(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_pulled_dataset_is_described_in_one_object(capsys, home):
    pull("seattle", json=True)
    content = printed(capsys)
    assert {key: content[key] for key in ("name", "sha256", "rows", "start", "end")} == {
        "name": "seattle",
        "sha256": SEATTLE_SHA256,
        "rows": 1461,
        "start": "2012-01-01",
        "end": "2015-12-31",
    }
    assert "Public domain" in content["licence"]
    assert (home / "raw" / f"{SEATTLE_SHA256}.csv").is_file()


def test_the_list_names_every_dataset_and_what_is_landed(capsys):
    list_datasets(json=True)
    before = printed(capsys)["datasets"]
    pull("seattle", json=True)
    capsys.readouterr()
    list_datasets(json=True)
    after = printed(capsys)["datasets"]
    assert [(entry["name"], entry["rows"]) for entry in before] == [
        ("delhi", None),
        ("seattle", None),
    ]
    assert [(entry["name"], entry["rows"]) for entry in after] == [
        ("delhi", None),
        ("seattle", 1461),
    ]


def test_people_read_tables(capsys):
    pull("seattle")
    list_datasets()
    out, err = capsys.readouterr()
    assert "seattle: 1461 rows, 2012-01-01 to 2015-12-31" in out
    assert "delhi" in out
    assert err == ""


def test_several_local_files_are_described_together(capsys, tmp_path):
    head = "date,meantemp,humidity,wind_speed,meanpressure\n"
    (tmp_path / "a.csv").write_text(f"{head}2017-01-02,1,2,3,1000\n")
    (tmp_path / "b.csv").write_text(f"{head}2017-01-01,1,2,3,1000\n2017-01-03,1,2,3,1000\n")
    pull("delhi", csv=[tmp_path / "a.csv", tmp_path / "b.csv"], json=True)
    content = printed(capsys)
    assert (content["rows"], content["start"], content["end"]) == (3, "2017-01-01", "2017-01-03")
    assert len({file["sha256"] for file in content["files"]} | {content["sha256"]}) == 3


def test_refusals_reach_the_caller_with_nothing_printed(capsys, tmp_path):
    with pytest.raises(DatasetUnknown):
        pull("atlantis", json=True)
    (tmp_path / "a.csv").write_text("<html>")
    with pytest.raises(SourceFormat):
        pull("delhi", csv=[tmp_path / "a.csv"], json=True)
    assert capsys.readouterr().out == ""


def test_listing_loads_no_heavy_library():
    program = (
        "import sys; import pipelines.commands.data as data; data.list_datasets(json=True); "
        "heavy = {'great_expectations', 'pandas', 'torch', 'mlflow', 'prefect'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_stations_of_one_file_are_landed_once_and_those_of_their_own_each(capsys, tmp_path):
    toml = write_sound(tmp_path, rows=9)
    pull(str(toml), json=True)
    content = printed(capsys)
    assert (len(content["files"]), content["rows"], content["targets"]) == (1, 18, [TEMP, WIND])
    text = toml.read_text().replace("latitude = 47.2", 'latitude = 47.2\nsource = {kind = "csv", '
                                    'paths = ["b.csv"]}')  # fmt: skip
    toml.write_text(text)
    (tmp_path / "b.csv").write_text((tmp_path / "sound.csv").read_text().replace("SEA", "S"))
    pull(str(toml), json=True)
    assert len(printed(capsys)["files"]) == 2
