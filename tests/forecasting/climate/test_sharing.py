"""Which stations are trained together, and which time is held out at all of them alike."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.climate.series import ClimateSeries, Station, Variable
from forecasting.climate.sharing import Span, share_out, share_spans
from forecasting.climate.windows import Blocks, WindowSpec, least_train

WINDOW = WindowSpec(history=10, horizon=2)
BEGIN = datetime(2012, 1, 1, tzinfo=UTC)


def station(rows, *, after=0, zone="Europe/Oslo", step=timedelta(days=1)):
    """A station that begins so many days after the others, and its blocks."""
    values = np.zeros((rows, 1), np.float32)
    series = ClimateSeries(
        station=Station(name="x", latitude=0, longitude=0, timezone=zone),
        variables=(Variable(name="t", unit="°C", lower=-1, upper=1),),
        target="t",
        start=BEGIN + after * step,
        values=values,
        observed=np.isfinite(values),
        step=step,
    )
    return series, Blocks.of(rows, WINDOW)


def days(series, rows):
    return {(series.label(row) - BEGIN).days for row in rows}


def test_equal_stations_hold_out_what_each_would_by_itself():
    alike = {name: station(700) for name in ("a", "b")}
    shares = share_out(alike, WINDOW, 6)
    blocks = alike["a"][1]
    assert shares["a"] == shares["b"]
    assert shares["a"].train == blocks.train
    own = [blocks.stretch(turn, WINDOW, 6) for turn in range(6)]
    assert [range(*held) for held in shares["a"].held] == own


def test_one_station_is_no_pool_and_neither_are_none():
    assert share_out({"a": station(700)}, WINDOW, 6) == {}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(380, 1500), st.integers(0, 900)), min_size=2, max_size=5),
    st.sampled_from([2, 6]),
)
def test_no_pool_sees_a_stations_gate_or_held_time_at_another_station(cuts, folds):
    stations = {f"s{n}": station(rows, after=after) for n, (rows, after) in enumerate(cuts)}
    shares = share_out(stations, WINDOW, folds)
    assert len(shares) != 1
    seen, held = set(), [set() for _ in range(folds)]
    for name, share in shares.items():
        series, _ = stations[name]
        assert share.train >= least_train(WINDOW)
        seen |= days(series, range(share.train))
        for turn in range(folds):
            held[turn] |= days(series, range(*share.held[turn]))
    for name, share in shares.items():
        series, blocks = stations[name]
        gate = days(series, range(blocks.train, blocks.gate))
        assert not seen & gate
        for turn in range(folds):
            own = days(series, range(*share.held[turn]))
            assert own == held[turn]  # the same time at every station
            assert share.held[turn][0] >= WINDOW.history
            assert len(own) >= 4 * WINDOW.horizon


def test_a_station_that_ended_long_ago_stands_aside_rather_than_cut_the_others_short():
    shares = share_out(
        {"closed": station(500), "a": station(1500), "b": station(1400, after=100)}, WINDOW, 6
    )
    assert set(shares) == {"a", "b"}


def test_a_station_too_young_for_the_common_time_stands_aside():
    shares = share_out(
        {"new": station(300, after=1200), "a": station(1500), "b": station(1500)}, WINDOW, 6
    )
    assert set(shares) == {"a", "b"}


def test_the_pool_ends_where_the_first_of_its_gates_begins():
    long, short = station(1500), station(900, after=600)
    shares = share_out({"long": long, "short": short}, WINDOW, 6)
    assert shares["long"].train == long[1].train
    assert shares["short"].train == long[1].train - 600 < short[1].train


@pytest.mark.parametrize(("zone", "fewer"), [("Europe/Oslo", 0), ("America/Los_Angeles", 1)])
def test_days_of_other_time_zones_that_reach_into_held_time_are_held_as_well(zone, fewer):
    shares = share_out({"oslo": station(700), "far": station(700, zone=zone)}, WINDOW, 6)
    train = station(700)[1].train
    # A clock that changes with the season costs its own station the same day.
    assert {share.train for share in shares.values()} == {train - fewer}
    held = shares["far"].held
    overlaps = [earlier[1] - later[0] for later, earlier in pairwise(held)]
    assert overlaps == [fewer] * 5  # the day in which one stretch ends and the next begins


def test_hours_are_shared_out_by_the_hour():
    hour = timedelta(hours=1)
    stations = {name: station(900, step=hour, zone=zone) for name, zone in
                (("a", "UTC"), ("b", "Etc/GMT-3"))}  # fmt: skip
    shares = share_out(stations, WINDOW, 6)
    # The clock of b is three hours ahead: its rows of a label begin three hours earlier.
    assert shares["a"].train + 3 == shares["b"].train == stations["b"][1].train
    assert replace(shares["a"], train=0).held[0][1] + 3 == shares["b"].held[0][1]


def test_spans_are_shared_out_as_the_series_are():
    stations = {"a": station(700), "b": station(690, after=3), "c": station(650, after=-20)}
    spans = {name: Span.of(*each, one_zone=True) for name, each in stations.items()}

    assert share_spans(spans, WINDOW, 4) == share_out(stations, WINDOW, 4)


def test_one_station_is_a_pool_only_where_one_is_enough():
    spans = {"a": Span.of(*station(700), one_zone=True)}

    assert share_spans(spans, WINDOW, 4) == {}
    assert list(share_spans(spans, WINDOW, 4, least=1)) == ["a"]


def test_a_long_station_alone_does_not_end_the_pool_of_two_shorter_ones():
    stations = {"a": station(420), "b": station(420), "long": station(4000)}

    assert set(share_out(stations, WINDOW, 4)) == {"a", "b", "long"}
