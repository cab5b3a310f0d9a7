import itertools
import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest

from serving.chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, fan_chart

SVG = "{http://www.w3.org/2000/svg}"
TARGET = "temperature_2m_mean"
ENDS = ("_p2_5", "_p10", "_p90", "_p97_5")


def make_answer(days=7, *, climb=0.5, level=5.0, unit="°C", ends=ENDS):
    median = [level + climb * day for day in range(days)]
    widths = [climb * (place - len(ends) / 2 + 0.5) for place in range(len(ends))]
    columns = {
        TARGET + end: [value + width * (day + 1) for day, value in enumerate(median)]
        for end, width in zip(ends, widths, strict=True)
    }
    return {
        "station": "seattle",
        "daily_units": {TARGET: unit},
        "daily": {
            "time": [str(date(2016, 1, 1) + timedelta(days=day)) for day in range(days)],
            TARGET: median,
            **columns,
        },
        "model": {"name": "climate-seattle", "version": 3},
    }


def make_observed(*values):
    last = date(2015, 12, 31)
    days = [last - timedelta(days=len(values) - 1 - place) for place in range(len(values))]
    return [(str(day), value) for day, value in zip(days, values, strict=True)]


OBSERVED = make_observed(2.0, 3.0, 4.5, 4.0, 5.5, 5.0)


def drawn(answer, observed=OBSERVED):
    return ET.fromstring(fan_chart(answer, observed))  # noqa: S314 - our own picture


def points(shape):
    return [tuple(map(float, pair.split(","))) for pair in shape.get("points").split()]


def lines_of(picture, kind):
    return [each for each in picture.iter() if each.get("class") == kind]


def scale_of(picture):
    """Read the scale off the labelled lines, as a person with a ruler does."""
    labels = [
        (float(text.get("y")), float(text.text))
        for text in picture.iter(f"{SVG}text")
        if text.get("dy") == "4"
    ]
    (y_first, first), *_, (y_last, last) = labels
    return lambda y: first + (y - y_first) * (last - first) / (y_last - y_first)


def test_the_points_drawn_are_the_numbers_of_the_answer():
    answer = make_answer()
    picture = drawn(answer)
    value = scale_of(picture)
    [median] = lines_of(picture, "median")
    assert [value(y) for _, y in points(median)] == pytest.approx(answer["daily"][TARGET], abs=0.03)
    for band, (low, high) in zip(
        lines_of(picture, "band"), (("_p2_5", "_p97_5"), ("_p10", "_p90")), strict=True
    ):
        there, back = points(band)[:7], points(band)[:6:-1]
        assert [value(y) for _, y in there] == pytest.approx(
            answer["daily"][TARGET + low], abs=0.03
        )
        assert [value(y) for _, y in back] == pytest.approx(
            answer["daily"][TARGET + high], abs=0.03
        )
        assert [x for x, _ in there] == [x for x, _ in back] == [x for x, _ in points(median)]


def test_the_observed_days_stand_before_the_origin_and_the_forecast_after_it():
    picture = drawn(make_answer())
    [origin], [line] = lines_of(picture, "origin"), lines_of(picture, "observed")
    places = [x for x, _ in points(line)] + [x for x, _ in points(lines_of(picture, "median")[0])]
    steps = [after - before for before, after in itertools.pairwise(places)]
    assert places[5] == float(origin.get("x1")) < places[6]
    assert steps == pytest.approx([steps[0]] * 12, abs=0.15)
    value = scale_of(picture)
    seen = [value(y) for _, y in points(line)]
    assert seen == pytest.approx([each for _, each in OBSERVED], abs=0.03)


def test_a_gap_breaks_the_line_and_is_never_a_zero():
    picture = drawn(make_answer(), make_observed(None, 2.0, 3.0, None, None, 4.0, 5.0, None))
    assert [len(points(line)) for line in lines_of(picture, "observed")] == [2, 2]
    assert not lines_of(drawn(make_answer(), make_observed(None, None)), "observed")


@pytest.mark.parametrize("unit", ['<b>&"', "'", "°C"])
def test_text_is_escaped_and_the_picture_stays_whole(unit):
    picture = drawn(make_answer(unit=unit))
    title = f"seattle: {TARGET}, {unit}"
    assert picture.get("aria-label") == title
    assert next(picture.iter(f"{SVG}text")).text == title


def test_the_picture_runs_nothing_and_asks_for_nothing():
    text = fan_chart(make_answer(), OBSERVED).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"script|href|url\(|http|\bon\w+=", text)


@pytest.mark.parametrize("days", [1, 2, 7, 60])
@pytest.mark.parametrize("seen", [1, 6, 90])
def test_every_label_and_point_is_inside_the_picture(days, seen):
    picture = drawn(make_answer(days), make_observed(*(float(day % 9) for day in range(seen))))
    for text in picture.iter(f"{SVG}text"):
        x, y, wide = float(text.get("x")), float(text.get("y")), 7 * len(text.text)
        before = {"end": wide, "middle": wide / 2, None: 0}[text.get("text-anchor")]
        assert x - before >= 0, text.text
        assert x - before + wide <= WIDTH, text.text
        assert 10 <= y <= HEIGHT - 4, text.text
    for kind in ("observed", "median", "band"):
        for x, y in (point for shape in lines_of(picture, kind) for point in points(shape)):
            assert LEFT <= x <= WIDTH - RIGHT
            assert TOP <= y <= HEIGHT - BOTTOM


@pytest.mark.parametrize(("climb", "level"), [(0.01, 0.0), (0.3, -12), (0.5, 1000), (900, -2000)])
def test_two_to_eight_round_values_are_labelled_whatever_the_range(climb, level):
    answer = make_answer(climb=climb, level=level)
    picture = drawn(answer, make_observed(level, level + climb))
    labels = [float(t.text) for t in picture.iter(f"{SVG}text") if t.get("dy") == "4"]
    assert 2 <= len(labels) <= 8
    value = scale_of(picture)
    [median] = lines_of(picture, "median")
    close = climb / 10
    assert [value(y) for _, y in points(median)] == pytest.approx(
        answer["daily"][TARGET], abs=close
    )


def test_a_constant_series_is_drawn():
    answer = make_answer(climb=0.0, level=4.0)
    [median] = lines_of(drawn(answer, make_observed(4.0, 4.0)), "median")
    assert len({y for _, y in points(median)}) == 1


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        (ENDS, "80 and 95 %"),
        (("_p5", "_p10", "_p25", "_p75", "_p90", "_p95"), "50, 80 and 90 %"),
        (("_p10", "_p90"), "80 %"),
        ((), "median only"),
    ],
)
def test_the_picture_names_the_intervals_that_it_shows(ends, said):
    picture = drawn(make_answer(ends=ends))
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert f"climate-seattle version 3; {said}" in texts
