"""Pictures hold every number inside their frame, escape every text, and label what they show."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.chart import Fan, Interval
from serving.web.pictures import Line, fan_picture, lead_picture, ticks
from serving.web.vega import fan_specification
from serving.web.words import day, degrees, number, percent, places_of, spoken

DAYS = [f"2015-{month:02}-{day:02}" for month in range(8, 13) for day in range(1, 29)]
finite = st.floats(-1e6, 1e6)


def make_fan(values=(1.0, None, 2.0), ahead=(3.0, 4.0), quarantined=()):
    return Fan(
        observed=list(zip(DAYS, values, strict=False)),
        ahead=[f"2016-01-{step + 1:02}" for step in range(len(ahead))],
        median=ahead,
        intervals=[
            Interval(share=80, low=[each - 1 for each in ahead], high=[each + 1 for each in ahead])
        ],
        quarantined=quarantined,
    )


def parsed(picture):
    return ET.fromstring(str(picture))  # noqa: S314 - our own picture


def test_the_title_of_a_picture_is_text():
    picture = parsed(fan_picture(make_fan(), 'a <b> & "c"'))

    assert picture.get("aria-label") == 'a <b> & "c"'


def test_a_refused_step_is_marked_and_named_and_a_mere_gap_is_not():
    picture = parsed(fan_picture(make_fan((1.0, None, None, 2.0), quarantined=(DAYS[1],)), "t"))

    [mark] = [each for each in picture.iter() if each.get("class") == "quarantined"]
    assert mark.get("data-label") == DAYS[1]
    assert mark[0].text == f"{DAYS[1]}: refused by the data checks"


def test_without_a_forecast_only_what_was_observed_is_drawn():
    fan = Fan(observed=list(zip(DAYS, [1.0] * 5, strict=False)))

    kinds = [each.get("class") for each in parsed(fan_picture(fan, "t")).iter()]

    assert "observed" in kinds
    assert not {"median", "band", "origin", "future"} & set(kinds)


def test_a_station_without_any_value_is_still_a_picture():
    assert parsed(fan_picture(Fan(observed=[]), "t")) is not None
    assert parsed(fan_picture(Fan(observed=[(DAYS[0], None)]), "t")) is not None
    assert parsed(lead_picture([], "t")) is not None


@given(st.lists(finite | st.none(), min_size=1, max_size=130), st.lists(finite, max_size=10))
def test_every_point_stands_inside_the_picture(values, ahead):
    picture = parsed(fan_picture(make_fan(values, ahead), "t"))
    _, _, width, height = map(float, picture.get("viewBox").split())

    for shape in picture.iter():
        for pair in (shape.get("points") or "").split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (DAYS, ["Aug", "Sep", "Oct", "Nov", "Dec"]),
        ([*DAYS, "2016-01-01"], ["Aug", "Sep", "Oct", "Nov", "Dec", "Jan 2016"]),
        (["2015-12-30", "2015-12-31"], ["30 Dec", "31 Dec"]),
        (
            [f"2015-12-{d:02}T{h:02}:00" for d in (1, 2, 3) for h in range(24)],
            ["1 Dec", "2 Dec", "3 Dec"],
        ),
        ([], []),
    ],
)
def test_months_or_days_are_labelled(labels, said):
    assert [text for _, text in ticks(labels)] == said


def test_a_long_series_has_few_labels():
    assert (
        len(ticks([f"20{year}-{month:02}-01" for year in range(10, 60) for month in (1, 7)])) <= 8
    )


def test_a_gap_breaks_a_line_over_the_leads():
    line = Line(name="<a>", look="model", values=(1.0, None, 2.0, 3.0))

    drawn = [each for each in parsed(lead_picture([line], "t")).iter() if each.get("data-name")]

    assert [each.get("data-name") for each in drawn] == ["<a>", "<a>"]
    assert [len(each.get("points").split()) for each in drawn] == [1, 2]


def test_the_specification_holds_the_numbers_and_asks_for_nothing_else():
    fan = make_fan(quarantined=(DAYS[1],))

    told = fan_specification(fan, "temperature", "°C")

    ahead = told["datasets"]["ahead"]
    assert [(row["value"], row["low_0"], row["high_0"]) for row in ahead] == [
        (3.0, 2.0, 4.0), (4.0, 3.0, 5.0),
    ]  # fmt: skip
    assert [row["label"] for row in told["datasets"]["refused"]] == [DAYS[1]]
    assert all(set(layer["data"]) == {"name"} for layer in told["layer"])


def test_a_label_is_placed_on_the_stations_own_calendar_whatever_the_zone_of_the_reader():
    fan = Fan(observed=[("1970-01-02", 1.0), ("1970-01-02T06:00", 1.0)])

    places = [row["at"] for row in fan_specification(fan, "t", "u")["datasets"]["observed"]]

    assert places == [86_400_000, 86_400_000 + 6 * 3_600_000]


def test_names_numbers_and_dates_are_said_as_people_read_them():
    minus = "\N{MINUS SIGN}"
    assert [number(-1.26), number(-0.01), number(None), number(float("nan"))] == [
        f"{minus}1.3", "0.0", "\N{EN DASH}", "\N{EN DASH}",
    ]  # fmt: skip
    assert percent(0.813) == "81\N{NARROW NO-BREAK SPACE}%"
    assert [day("2016-01-05"), day("2016-01-05T06:00"), day("<soon>")] == [
        "5 Jan 2016", "5 Jan 2016, 06:00", "<soon>",
    ]  # fmt: skip
    assert degrees(-122.3138, "EW") == "122.31° W"
    assert [spoken("precipitation_sum"), spoken("my_rain")] == ["precipitation", "my rain"]
    assert [places_of([1.0, 5.0]), places_of([0.01, 0.05]), places_of([])] == [1, 3, 1]
