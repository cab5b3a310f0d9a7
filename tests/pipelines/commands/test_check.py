import json
from pathlib import Path

import pytest

from forecasting.errors import DatasetInvalid, SettingsInvalid, SourceUnavailable
from pipelines.commands.check import check
from tests.pipelines.several import TEMP, WIND, write_sound

HEAD = "date,meantemp,humidity,wind_speed,meanpressure"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def delhi_file(tmp_path):
    def build(days=80, **changes):
        path = tmp_path / "delhi.csv"
        rows = [HEAD]
        for day in range(days):
            month, rest = divmod(day, 28)
            date = f"2017-{month + 1:02}-{rest + 1:02}"
            pressure = changes.get(f"day{day}", 1000 + day % 9)
            rows.append(f"{date},{10 + day % 5},{40 + day % 7},{3 + day % 4},{pressure}")
        path.write_text("\n".join(rows) + "\n")
        return path

    return build


def test_an_admitted_dataset_ends_with_0_and_one_object(capsys, home):
    code = check("seattle", json=True)
    content = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (content["verdict"], content["accepted"]) == ("accepted", 1461)
    assert (content["quarantined"], content["missing_days"], content["reasons"]) == (0, 0, [])
    assert Path(content["report"]).parent == home / "reports"
    assert Path(content["report"]).is_file()


def test_findings_are_named_with_date_variable_found_and_expected(capsys, delhi_file):
    check("delhi", csv=[delhi_file(day3="7679.3")], json=True)
    content = json.loads(capsys.readouterr().out)
    assert content["quarantined"] == 1
    assert {
        "code": "OUT_OF_BOUNDS",
        "date": "2017-01-04",
        "variable": "surface_pressure_mean",
        "found": "7679.3 hPa",
        "expected": "950 to 1060 hPa",
    } in content["reasons"]


def test_a_refused_dataset_ends_with_1_and_says_why(capsys, delhi_file):
    code = check("delhi", csv=[delhi_file(days=20)], json=True)
    content = json.loads(capsys.readouterr().out)
    assert code == 1
    assert content["verdict"] == "refused"
    assert content["reasons"][0]["code"] == "EXPECTATION_FAILED"


def test_people_read_findings_and_the_way_to_the_report(capsys, delhi_file):
    changes = {f"day{day}": "-5" for day in range(60)}
    assert check("delhi", csv=[delhi_file(**changes)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "OUT_OF_BOUNDS" in out
    assert "more in the report" in out
    assert "delhi refused" in out
    assert "report: /" in out


def test_good_data_reads_as_admitted(capsys):
    assert check("seattle") == 0
    assert "seattle accepted: 1461 days with data" in capsys.readouterr().out


def test_a_source_that_is_not_there_reaches_the_caller(tmp_path):
    with pytest.raises(SourceUnavailable):
        check("delhi", csv=[tmp_path / "none.csv"])
    (tmp_path / "own.toml").write_text('name = "own"\ncolour = "red"')
    with pytest.raises(DatasetInvalid):
        check(str(tmp_path / "own.toml"))


def test_every_station_and_target_is_checked_and_has_a_report_of_its_own(capsys, home, tmp_path):
    toml = write_sound(tmp_path, rows=40)
    assert check(str(toml), json=True) == 0
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    names = [
        f"sound#{station}@{target}" for station in ("seatac", "tacoma") for target in (TEMP, WIND)
    ]
    assert [(each["dataset"], each["verdict"]) for each in verdicts] == [
        (name, "accepted") for name in names
    ]
    assert len(list((home / "reports").glob("sound-tacoma-*.html"))) == 2


def test_a_refused_station_does_not_keep_the_others_from_being_checked(capsys, tmp_path):
    toml = write_sound(tmp_path, rows=40, tacoma=False)
    assert check(f"{toml}@{TEMP}") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "sound#seatac@temperature_2m_mean accepted" in out
    assert "sound#tacoma@temperature_2m_mean refused" in out


def test_a_source_that_is_away_is_told_for_every_station_that_asked_it(capsys, tmp_path):
    toml = write_sound(tmp_path)
    (tmp_path / "sound.csv").unlink()
    assert check(f"{toml}@{TEMP}", json=True) == 1
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    assert [each["error"]["code"] for each in verdicts] == ["SOURCE_UNAVAILABLE"] * 2
    assert check(f"{toml}@{TEMP}") == 1
    assert capsys.readouterr().out.count("SOURCE_UNAVAILABLE") == 2


def test_local_files_without_a_station_column_are_nobodys(tmp_path):
    toml = write_sound(tmp_path)
    own = 'source = {{ kind = "csv", paths = ["{}.csv"] }}'
    text = toml.read_text().replace('source = { kind = "csv", paths = ["sound.csv"] }', "")
    text = text.replace('station_column = "station"', "").replace('label = "SEA"', own.format("a"))
    toml.write_text(text.replace("latitude = 47.2", "latitude = 47.2\n" + own.format("b")))
    with pytest.raises(SettingsInvalid, match="which station the files are of") as refusal:
        check(str(toml), csv=[tmp_path / "sound.csv"])
    assert refusal.value.found == "seatac, tacoma"
