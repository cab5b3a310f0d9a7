import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from forecasting.stores.decisions import DecisionEntry, append_decision
from forecasting.stores.published import publish, write_manifest
from forecasting.stores.registry.aliases import Move, record
from pipelines import attempts
from pipelines.admitting import accept, admit_files, land_files
from pipelines.attempts import attempt_path, last_attempt
from pipelines.catalogue import find_dataset
from pipelines.commands.due import due as verb
from pipelines.operations.due import champion_age, drift_of_model, due

MODEL = "climate-oslo"
TODAY = datetime.now(UTC)


@pytest.fixture
def look(settings, declared):
    """Ask what is due of Oslo: the triggers, and what was found, by trigger."""

    def ask(now=TODAY):
        found = due(settings, str(declared), find_dataset(str(declared)), now)
        return {reason.trigger: reason.found for reason in found.reasons}

    return ask


@pytest.fixture
def retrain(settings, declared):
    """Put the file through the real door, as the flow does before it trains."""

    def go(*, decided=True):
        name = str(declared)
        admission = admit_files(settings, name, land_files(settings, name, []))
        attempts.keep(settings.root, MODEL, admission, "run-1")
        if decided:
            attempts.settle(settings.root, MODEL, "run-1")
        return admission

    return go


@pytest.fixture
def champion(settings, declared, retrain, write_files, make):
    """Retrain Oslo and publish a champion that was trained through day 370 of it."""
    admission = retrain()
    accept(settings, str(declared), admission)
    series = admission.series
    card = make.card(
        data_sha256=admission.data_sha256, trained_through=series.label(369).date().isoformat()
    )
    files = write_files(make.graph(), card)
    write_manifest(files)
    publish(settings.root, files, version=1, alias="champion", run_id="run-1")
    (settings.root / "locks").mkdir(exist_ok=True)
    move = Move(model=MODEL, version=1, judged_against=None, who="ola", why="the first")
    record(settings.root, move, before=None)
    return admission


def test_a_station_without_a_champion_is_due_and_its_data_are_new(look):
    assert look() == {
        "no-champion": "nothing has been promoted",
        "new-data": "1 of 1 files are new",
    }


@pytest.mark.usefixtures("champion")
def test_new_data_stay_new_until_a_decision_has_come_of_them(look, retrain, declared):
    rows = declared.with_name("oslo.csv").read_text().splitlines(keepends=True)
    declared.with_name("oslo.csv").write_text("".join(rows[:-1]))

    retrain(decided=False)
    assert look() == {"new-data": "1 of 1 files are new"}

    retrain()
    assert look() == {}


@pytest.mark.usefixtures("champion")
def test_data_that_a_killed_retraining_had_begun_stay_new_when_another_run_decides(
    look, retrain, declared, settings
):
    rows = declared.with_name("oslo.csv").read_text().splitlines(keepends=True)
    declared.with_name("oslo.csv").write_text("".join(rows[:-1]))
    retrain(decided=False)

    attempts.settle(settings.root, MODEL, "a backfill's run")

    assert look() == {"new-data": "1 of 1 files are new"}


@pytest.mark.usefixtures("champion")
def test_after_a_promotion_on_the_same_data_nothing_is_due(look):
    assert look() == {}


@pytest.mark.usefixtures("champion")
def test_a_day_more_in_the_file_is_new_data_until_it_was_retrained_on(look, retrain, declared):
    file = declared.with_name("oslo.csv")
    file.write_text(file.read_text() + "2013-04-05,12.5,3.0\n")
    assert look() == {"new-data": "1 of 1 files are new"}
    retrain()
    assert look() == {}


@pytest.mark.usefixtures("champion")
def test_checks_that_refused_and_now_let_the_same_files_in_are_a_reason(look, retrain, declared):
    sound = declared.read_text()
    declared.write_text(sound.replace("lower = -60, upper = 60", "lower = 50, upper = 60"))
    assert retrain().verdict == "refused"
    assert look() == {}  # the same files would be refused again
    declared.write_text(sound)
    [(trigger, found)] = look().items()
    assert trigger == "checks-cleared"
    assert found.endswith("no longer refuses them")


def test_winds_of_another_unit_are_drift_and_the_usual_ones_are_not(
    settings, champion, look, declared
):
    dataset, series = find_dataset(str(declared)), champion.series
    assert [each.variable for each in drift_of_model(settings, dataset)] == [series.names[1]]
    assert "drift" not in look()
    values = series.values.copy()
    values[370:, 1] = 3.6 * values[370:, 1] + 12
    shifted = replace(series, values=values, observed=np.isfinite(values))
    accept(settings, str(declared), replace(champion, series=shifted, data_sha256=shifted.sha256))
    assert look()["drift"].startswith("wind_speed_10m_mean by +1")


@pytest.mark.usefixtures("champion")
def test_a_champion_that_nobody_judged_again_is_due_by_age(settings, look):
    later = TODAY + timedelta(days=91)
    assert set(look(later)) == {"age"}
    assert "90 allowed" in look(later)["age"]
    entry = DecisionEntry(
        model=MODEL, version=None, run_id="run-2", promoted=False, sentence="Refused.", who="gate",
        time=(TODAY + timedelta(days=60)).isoformat(),
    )  # fmt: skip
    append_decision(settings.root, entry)
    assert look(later) == {}
    assert champion_age(settings.root, MODEL, later) == pytest.approx(31)
    assert champion_age(settings.root, "climate-bergen", later) is None


@pytest.mark.usefixtures("champion")
def test_where_the_trained_rows_are_gone_no_drift_is_claimed(settings, declared, champion):
    folder = settings.root / "admitted" / champion.data_sha256
    (folder / "series.npz").unlink()
    assert drift_of_model(settings, find_dataset(str(declared))) == ()


def test_a_note_of_an_attempt_that_is_spoilt_is_none(settings, retrain):
    kept = retrain()
    assert last_attempt(settings.root, MODEL).data_sha256 == kept.data_sha256
    attempt_path(settings.root, MODEL).write_text("{")
    assert last_attempt(settings.root, MODEL) is None


def test_the_verb_tells_programs_and_people_and_ends_with_the_answer(declared, capsys, request):
    assert verb(str(declared), json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["due"] is True
    assert [each["trigger"] for each in told["models"][0]["reasons"]] == ["new-data", "no-champion"]
    verb(str(declared))
    assert "nothing has been promoted" in capsys.readouterr().out
    request.getfixturevalue("champion")
    assert verb(str(declared)) == 1
    assert "nothing is due" in capsys.readouterr().out
