"""`gatecast demo` from an empty home to a forecast over HTTP, and once more in the same home."""

import re
from pathlib import Path

import pytest

from forecasting.stores.decisions import read_decisions

pytestmark = pytest.mark.system

DAYS = [f"2016-01-0{number}" for number in range(1, 8)]
DAY = re.compile(r"(2016-01-0\d) +(-?\d+\.\d) +(-?\d+\.\d) to (-?\d+\.\d) +°C")


def test_the_demo_ends_with_0_the_second_time_as_well(retrained):
    assert retrained.second.code == 0, retrained.second.err
    assert "Traceback" not in retrained.second.err


def test_the_table_has_seven_days_with_median_and_interval_and_unit(retrained):
    out = retrained.second.out
    days = DAY.findall(out)
    assert [day for day, *_ in days] == DAYS
    for _, median, low, high in days:
        assert float(low) < float(median) < float(high)
    assert re.search(r"date +median +80 % interval +unit", out)


def test_the_report_of_the_first_has_the_same_days_with_median_and_interval(retrained):
    forecast = retrained.first["forecast"]
    daily = forecast["daily"]
    target = next(name for name in daily if f"{name}_p10" in daily)
    assert daily["time"] == DAYS
    assert forecast["daily_units"][target] == "°C"
    rows = zip(daily[f"{target}_p10"], daily[target], daily[f"{target}_p90"], strict=True)
    assert all(low < median < high for low, median, high in rows)


def test_the_version_that_answered_its_error_and_its_skill_are_named(retrained):
    model = re.search(
        r"model: climate-seattle version 1, trained through \d{4}-\d\d-\d\d; "
        r"mean MAE \d\.\d+ °C, skill ([+-]\d+\.\d) % against [a-z ]+, the best simple rival",
        retrained.second.out,
    )
    assert model, retrained.second.out
    # What the gate allows beside the best of six rivals, named after the fact.
    assert float(model[1]) >= -2
    answered = retrained.first["forecast"]["model"]
    assert (answered["name"], answered["version"]) == ("climate-seattle", 1)


def test_the_second_demo_says_why_the_champion_stays(retrained):
    assert retrained.decision["verdict"]["sentence"].startswith("Promoted: mean MAE")
    assert "Refused: not better than champion, version 1" in retrained.second.out


def test_a_second_retraining_on_the_same_data_is_refused_as_equal(retrained):
    again, first = read_decisions(retrained.run.home, "climate-seattle")[-2:]
    assert first.promoted
    assert again.candidate.mae_by_lead == first.candidate.mae_by_lead
    assert not again.promoted
    assert again.version is None
    assert "champion, version 1" in again.sentence


def test_the_three_places_are_named_and_are_there(retrained):
    home, said = retrained.run.home, retrained.second
    assert f"gatecast --home {home} serve" in said.out
    assert "then open http://127.0.0.1:8000/\n" in said.out
    assert "http://127.0.0.1:8000/docs" in said.out
    store = r"MLflow UI: \S*mlflow ui --backend-store-uri sqlite:///(\S+)"
    assert Path(re.search(store, said.out)[1]).is_file()
    report = Path(re.search(r"report: +(\S+)", said.out)[1])
    assert report.parent == home / "reports"
    assert "<html" in report.read_text()


def test_no_process_is_left_behind(retrained):
    assert retrained.left == []
