"""The benchmark of scale: its fits are right on known data, its stages the product's own."""

import json

import pytest

from benchmarks.scale import answering, steps
from benchmarks.scale.__main__ import MARKS, parse, show
from benchmarks.scale.growth import TooFewSizes, exponent, grown, growth, last_exponent
from benchmarks.scale.stage import STAGES, measure, names_in, peak_megabytes
from benchmarks.scale.stations import NAME, declaration, write_stations
from benchmarks.scale.workers import files_in
from data_checks.parts import parse_parts
from forecasting.errors import SeriesTooShort
from serving.runtime import Forecaster

FIGURES = {"cpu": 1.0, "seconds": 1.0, "megabytes": 100.0}


@pytest.mark.parametrize("power", [0.5, 1.0, 1.1, 2.0])
def test_the_exponent_of_a_known_power_is_found(power):
    costs = {size: 3 * size**power for size in (1, 10, 100, 1000)}

    assert exponent(costs) == pytest.approx(power)
    assert last_exponent(costs) == pytest.approx(power)


def test_a_cost_that_is_the_same_at_every_size_hides_growth_from_the_fit_but_not_from_its_end():
    costs = {size: 50 + 0.001 * size**2 for size in (1, 10, 100, 1000)}

    assert exponent(costs) < 0.5
    assert last_exponent(costs) > 1.1


@pytest.mark.parametrize("costs", [{}, {10: 1.0}, {1: 0.0, 10: 1.0}, {0: 1.0, 10: 2.0}])
def test_no_exponent_is_fitted_to_too_little(costs):
    with pytest.raises(TooFewSizes, match="no growth can be fitted"):
        exponent(costs)


def test_memory_is_compared_from_the_first_warm_size_on():
    assert grown({1: 900.0, 10: 500.0, 100: 510.0, 1000: 550.0}) == pytest.approx(1.1)
    assert grown({1: 400.0, 3: 500.0}) == pytest.approx(1.25)


def test_one_size_shows_no_growth_of_memory():
    with pytest.raises(TooFewSizes, match="no growth can be seen"):
        grown({10: 1.0})


def test_the_growth_of_all_stages_together_is_that_of_their_sums():
    sizes = {
        size: {
            "check": {**FIGURES, "cpu": 2.0 * size},
            "train": {**FIGURES, "cpu": 20.0, "megabytes": 100.0 + size / 10},
        }
        for size in (10, 100)
    }

    told = growth(sizes)

    assert told["stages"]["check"]["exponent"] == pytest.approx(1.0)
    assert told["stages"]["train"]["exponent"] == pytest.approx(0.0)
    assert 0 < told["exponent"] < 1
    assert told["memory"] == pytest.approx(110 / 101)


@pytest.mark.parametrize("sizes", [["10"], ["10", "1"], ["5", "5"], ["0", "1"], ["ten", "20"]])
def test_sizes_that_show_no_growth_are_a_wrong_call(sizes, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--sizes", *sizes])

    assert ended.value.code == 2
    assert "--sizes" in capsys.readouterr().err


def test_a_station_is_the_same_whatever_the_number_of_the_others(tmp_path):
    one, three = write_stations(tmp_path / "1", 1, 50), write_stations(tmp_path / "3", 3, 50)

    assert (one.parent / "s00000.csv").read_bytes() == (three.parent / "s00000.csv").read_bytes()
    assert three.read_text().startswith(one.read_text())


def test_a_thousand_stations_are_one_declaration():
    parts = parse_parts(declaration(1000), "made-up.toml")

    assert len({part.place.name for part in parts}) == 1000
    assert {part.model for part in parts} > {"climate-s00000", "climate-s00999"}


def test_a_peak_is_of_this_process_and_above_nothing():
    assert 10 < peak_megabytes() < 100_000


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two stations of 700 days, taken through every stage in this process, on a tiny budget."""
    folder = tmp_path_factory.mktemp("home")
    write_stations(folder / "source", 2, 700)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(steps, "WINDOWS", 16)
        told = {stage: measure(folder, stage, names_in(folder)) for stage in STAGES}
    return folder, told


def test_every_stage_is_measured(home):
    _, told = home

    # The kernel adds each processor's share of a counter up late: some hundred KiB may be missing.
    assert all(each["megabytes"] > each["megabytes_before"] - 1 > 0 for each in told.values())
    assert told["judge"]["stations"] == 2
    assert told["judge"]["cpu"] > told["land"]["cpu"] > 0


def test_every_station_has_the_answers_that_a_client_gets(home):
    folder, _ = home

    answer = json.loads((folder / "answers" / "s00001.json").read_bytes())
    table = (folder / "answers" / "s00001.csv").read_bytes().split(b"\r\n")

    assert answer["station"] == "s00001"
    assert len(answer["daily"]["temperature_2m_mean"]) == 7
    assert len(table) == 1 + 7 + 1
    assert isinstance(answering.load(folder, "s00000"), Forecaster)


def test_what_a_survey_leaves_behind_is_counted_by_kind(home):
    folder, _ = home

    counts = files_in(folder)

    assert counts["admitted"]["files"] == counts["raw"]["files"] == 4
    assert counts["models"]["files"] == 6
    assert counts["raw"]["bytes"] > 20_000
    assert "source" not in counts


def test_a_stage_that_refuses_a_station_is_no_measurement(tmp_path):
    write_stations(tmp_path / "source", 1, 100)
    steps.open_home(tmp_path, [])
    steps.each("land")(tmp_path, ["s00000"])

    with pytest.raises(SeriesTooShort, match="check refused s00000"):
        steps.each("check")(tmp_path, ["s00000"])


def test_the_figures_are_printed_a_row_a_stage_and_a_line_a_mark(home, capsys):
    _, told = home
    sizes = dict.fromkeys((1, 2), told)
    figures = growth(sizes)

    show(
        {
            "sizes": sizes,
            "growth": figures["stages"],
            "marks": {mark.figure: mark.judge(1.0) for mark in MARKS},
        }
    )

    printed = capsys.readouterr().out
    assert all(f"{stage} " in printed for stage in STAGES)
    assert "two_workers: 1.000, missed" in printed
    assert NAME not in printed
