import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from data_checks.verdict import Reason
from forecasting.errors import DataRefused, DataUnchecked, SeriesTooShort
from forecasting.stores.stations import read_station
from pipelines import admitting
from pipelines.admitting import RECENT_STEPS, accept, admit_files, divide, land_files
from pipelines.sources.landing import ingesting
from pipelines.workspace import read_plan


@pytest.fixture
def admission(settings, declared):
    """Oslo's file, landed and put through the real checks."""
    files = land_files(settings, str(declared), [])
    return admit_files(settings, str(declared), files)


def test_a_file_is_landed_checked_accepted_and_cut_into_blocks(settings, declared, make):
    name = str(declared)
    [file] = land_files(settings, name, [])
    admission = admit_files(settings, name, [file])
    data_sha256 = accept(settings, name, admission)
    plan = read_plan(divide(settings, name, data_sha256, "quick", 1))
    assert admission.report.parent == settings.root / "reports"
    assert plan == make.plan(make.series(), data_sha256=data_sha256)
    assert (settings.root / "admitted" / data_sha256 / "verdict.json").is_file()


def test_another_process_that_lands_the_same_files_is_waited_for(settings, declared):
    with ThreadPoolExecutor(1) as beside:
        with ingesting(settings, "oslo"):
            landing = beside.submit(land_files, settings, str(declared), [])
            time.sleep(0.2)
            assert not landing.done()
        assert len(landing.result(30)) == 1


def test_a_station_is_remembered_with_its_last_days_and_what_was_refused(settings, declared, make):
    series = make.series(500)
    values = series.values.copy()
    values[490, 0] = float("nan")
    series = replace(series, values=values, observed=np.isfinite(values))
    label = series.label(490).date().isoformat()
    reason = Reason(
        code="OUT_OF_BOUNDS", date=label, variable="temperature_2m_mean", found="", expected=""
    )
    note = replace(reason, code="DAYS_MISSING", variable="wind_speed_10m_mean")
    admission = make.admission(series, settings.root / "reports" / "oslo.html")
    accept(settings, str(declared), replace(admission, reasons=(reason, note)))

    record = read_station(settings.root, "oslo")
    assert len(record.recent.time) == RECENT_STEPS
    assert record.recent.time[-1] == series.end.date().isoformat()
    assert record.recent.values["temperature_2m_mean"][-10] is None
    assert record.recent.values["wind_speed_10m_mean"][-1] == float(series.values[-1, 1])
    assert record.recent.quarantined == {
        "temperature_2m_mean": (label,),
        "wind_speed_10m_mean": (),
    }
    assert (record.card.history, record.card.horizon, record.card.timezone) == (
        10, 1, "Europe/Oslo"
    )  # fmt: skip
    assert record.recent.data_sha256 == series.sha256
    assert list(record.climatologies) == ["temperature_2m_mean"]
    assert record.climatologies["temperature_2m_mean"].through == record.recent.time[-1]


def test_refused_data_is_told_with_its_first_reason_and_nothing_is_kept(settings, declared, make):
    first = Reason(
        code="UNIT_CHANGED", date=None, variable="temperature_2m_mean", found="59", expected="15"
    )
    refused = replace(
        make.admission(make.series(), settings.root / "reports" / "oslo.html"),
        series=None,
        data_sha256=None,
        verdict="refused",
        reasons=(replace(first, code="DAYS_MISSING"), first, replace(first, code="NO_ROWS")),
    )
    with pytest.raises(
        DataRefused, match="UNIT_CHANGED of temperature_2m_mean and 1 more"
    ) as refusal:
        accept(settings, str(declared), refused)
    assert (refusal.value.expected, refusal.value.found) == ("15", "59")
    assert not (settings.root / "admitted").exists()
    assert not (settings.root / "stations").exists()


@pytest.mark.parametrize(("steps", "missing"), [(9, 1), (10, 0)])
def test_fewer_steps_than_one_window_are_too_short_with_both_numbers(
    settings, declared, make, steps, missing
):
    series = make.series(steps)
    admission = replace(make.admission(series, settings.root / "oslo.html"), missing_days=missing)
    with pytest.raises(SeriesTooShort) as refusal:
        accept(settings, str(declared), admission)
    assert (refusal.value.expected, refusal.value.found) == ("at least 11 steps", 10)


def test_one_window_but_no_room_for_the_blocks_is_too_short_too(settings, declared, make):
    series = make.series(200)
    admission = make.admission(series, settings.root / "oslo.html")
    data_sha256 = accept(settings, str(declared), admission)
    with pytest.raises(SeriesTooShort, match="judge on rows apart") as refusal:
        divide(settings, str(declared), data_sha256, "quick", 1)
    assert refusal.value.found == 200
    assert not (settings.root / "runs").exists()


@pytest.mark.parametrize("damage", ["no verdict", "refused", "other data"])
def test_data_whose_verdict_is_gone_or_another_is_not_cut(settings, declared, make, damage):
    admission = make.admission(make.series(), settings.root / "oslo.html")
    data_sha256 = accept(settings, str(declared), admission)
    path = settings.root / "admitted" / data_sha256 / "verdict.json"
    verdict = json.loads(path.read_text())
    changed = {"refused": {"verdict": "refused"}, "other data": {"data_sha256": "0" * 64}}
    path.write_text(json.dumps(verdict | changed.get(damage, {})))
    if damage == "no verdict":
        path.unlink()
    with pytest.raises(DataUnchecked):
        divide(settings, str(declared), data_sha256, "quick", 1)


def test_findings_that_only_note_something_do_not_mark_a_cell(make, tmp_path):
    noted = Reason(code="ROW_REPEATED", date="2012-01-01", variable="a", found="", expected="")
    taken = replace(noted, code="JUMP", date="2012-01-02")
    admission = replace(make.admission(make.series(), tmp_path), reasons=(noted, taken))
    assert admitting.refused_labels(admission) == {("a", "2012-01-02")}


def test_a_further_targets_admission_leaves_the_first_one_in_the_stations_record(
    settings, declared, make
):
    series = make.series()
    report = settings.root / "reports" / "oslo.html"
    accept(settings, str(declared), make.admission(series, report))
    wind = "wind_speed_10m_mean"
    declared.write_text(
        declared.read_text().replace("target =", f'target = ["temperature_2m_mean", "{wind}"] #')
    )
    turned = replace(
        series, target=wind, variables=series.variables[::-1], values=series.values[:, ::-1].copy(),
        observed=series.observed[:, ::-1].copy(),
    )  # fmt: skip
    data_sha256 = accept(settings, f"{declared}@{wind}", make.admission(turned, report))
    record = read_station(settings.root, "oslo")
    assert record.card.target == "temperature_2m_mean"
    assert set(record.climatologies) == {record.card.target, wind}
    assert [variable.name for variable in record.card.variables] == [record.card.target, wind]
    assert record.recent.series == {record.card.target: series.sha256, wind: data_sha256}
    assert record.recent.data_sha256 == series.sha256
    plan = read_plan(divide(settings, f"{declared}@{wind}", data_sha256, "quick", 1))
    assert (plan.model, plan.label) == (f"climate-oslo--{wind}", f"oslo {wind}")
