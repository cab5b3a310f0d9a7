import json
from pathlib import Path

import pytest

from forecasting.errors import DatasetInvalid, SourceUnavailable
from pipelines.commands.check import check

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
