"""A budget of windows over any number of stations: the same draws whoever else is there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.climate.drawing import Budget, allot, choose, draw, joined
from forecasting.climate.drawn import DrawnFitting, DrawnTask, with_statics, write_shared
from forecasting.climate.fitting import gather
from forecasting.climate.pooling import STATICS, PooledFitting
from forecasting.climate.sharing import Share
from forecasting.climate.statics import Standards, statics_of
from forecasting.errors import WindowError
from forecasting.training.loop import train

NAMES = ("bergen", "lima", "oslo")
SHARE = Share(train=380, held=((200, 380), (20, 200)))


@pytest.fixture(scope="module")
def make_part(make_series, make_fitting):
    """Build a station's part in a global candidate."""

    def build(name, *, steps=460, changes=None):
        place = NAMES.index(name)
        series = make_series(steps, seed=place, gaps=0.03)
        series = replace(series, station=replace(series.station, name=name, latitude=20.0 * place))
        tiny = make_fitting()
        return PooledFitting(
            series=series if changes is None else changes(series),
            window=tiny.window, blocks=tiny.blocks, recipe=tiny.recipe, cell="gru", seed=1,
            share=SHARE,
        )  # fmt: skip

    return build


@pytest.fixture(scope="module")
def drawn(make_part):
    """What three stations bring to each member, by station and seed."""
    return {name: dict(draw(make_part(name), Budget(train=20, stop=5))) for name in NAMES}


def task_of(make_part, drawn, seed, names=NAMES):
    parts = {name: drawn[name][seed] for name in names}
    numbers = [parts[name].numbers for name in sorted(parts)]
    standards = Standards.of(numbers)
    both = [joined({n: getattr(p, use) for n, p in parts.items()}) for use in ("train", "stop")]
    for windows, use in zip(both, ("train", "stop"), strict=True):
        counts = [len(getattr(parts[name], use)) for name in sorted(parts)]
        with_statics(windows, standards.of_stations(numbers), counts)
    fitting = make_part(names[0])
    member = fitting.build(seed, fitting.rivals(fitting.fold(seed)))
    return DrawnTask(member, *both, fitting.recipe.batch), standards


@given(stations=st.integers(1, 300), windows=st.integers(4, 4096), seed=st.integers(0, 2**31))
def test_a_budget_is_spent_whole_and_evenly(stations, windows, seed):
    budgets = allot([str(place) for place in range(stations)], windows, seed).values()

    train, stop = [each.train for each in budgets], [each.stop for each in budgets]
    assert (sum(train), sum(stop)) == (windows, windows // 4)
    assert max(train) - min(train) <= 1
    assert max(stop) - min(stop) <= 1


def test_a_budget_of_less_than_a_window_to_stop_on_is_refused():
    with pytest.raises(WindowError, match="expected 4 or more; found 3"):
        allot(["oslo"], 3, seed=1)


@given(usable=st.integers(1, 30), count=st.integers(0, 100), seed=st.integers(0, 99))
def test_no_window_comes_again_before_every_other_has(usable, count, seed):
    chosen = choose(np.arange(usable), count, np.random.default_rng(seed))

    times = np.bincount(chosen, minlength=usable)
    assert len(chosen) == count
    assert times.max() - times.min() <= 1


def test_every_member_gets_what_was_asked_for(drawn):
    for parts in drawn.values():
        assert list(parts) == [1000, 1001, 1002, 1003]
        assert {(len(part.train), len(part.stop)) for part in parts.values()} == {(20, 5)}


def test_a_station_beyond_the_budget_brings_its_numbers_and_no_window(make_part, drawn):
    parts = dict(draw(make_part("oslo"), Budget(train=0, stop=0)))

    assert parts[1000].numbers == drawn["oslo"][1000].numbers
    assert parts[1000].train.features.shape == (0, *drawn["oslo"][1000].train.features.shape[1:])
    assert len(joined({"a": parts[1000].train, "b": drawn["oslo"][1000].train})) == 20


def test_a_draw_is_the_same_again_bit_by_bit(make_part, drawn):
    again = dict(draw(make_part("lima"), Budget(train=20, stop=5)))

    for seed, part in again.items():
        assert part.numbers == drawn["lima"][seed].numbers
        assert part.train.features.tobytes() == drawn["lima"][seed].train.features.tobytes()


def test_stations_with_equal_rows_draw_different_windows(make_part, drawn):
    renamed = lambda series: replace(  # noqa: E731 - one expression
        series, station=replace(series.station, name="elsewhere")
    )

    other = dict(draw(make_part("lima", changes=renamed), Budget(train=20, stop=5)))

    assert not np.array_equal(other[1001].train.target, drawn["lima"][1001].train.target)


def test_nothing_that_is_drawn_depends_on_held_rows_or_later_ones(make_part, drawn):
    def spoilt(series):
        values = series.values.copy()
        values[200:] += 50  # turn 0 holds rows 200 to 380; the pool ends there
        values[np.isnan(series.values)] = np.nan
        return replace(series, values=values)

    other = dict(draw(make_part("oslo", changes=spoilt), Budget(train=20, stop=5)))

    for seed in (1000, 1001):
        assert other[seed].numbers == drawn["oslo"][seed].numbers
        assert other[seed].train.target.tobytes() == drawn["oslo"][seed].train.target.tobytes()


def test_a_member_whose_stretch_is_a_gap_gets_nothing_from_the_station(make_part):
    def silent(series):
        values = series.values.copy()
        values[200:380, 0] = np.nan
        return replace(series, values=values, observed=np.isfinite(values))

    parts = dict(draw(make_part("oslo", changes=silent), Budget(train=4, stop=1)))

    assert list(parts) == [1002, 1003]


def test_a_member_forecasts_prepared_windows_as_it_forecasts_histories(make_part):
    fitting = make_part("oslo")
    member = fitting.build(1000, fitting.rivals()).eval()
    history, origin, _ = gather(fitting.windows, np.arange(7), torch.device("cpu"))

    with torch.no_grad():
        assert torch.equal(
            member.forecast(member.prepare(history, origin)), member(history, origin)
        )


def test_windows_of_several_stations_share_a_batch(make_part, drawn):
    task, _ = task_of(make_part, drawn, 1001)

    batches = list(task.batches(torch.Generator().manual_seed(0)))

    assert sorted(np.concatenate(batches).tolist()) == list(range(60))
    assert torch.isfinite(task.loss(batches[0], None)[0])


def test_stations_read_one_set_of_weights_with_numbers_of_their_own(make_part, drawn, tmp_path):
    task, standards = task_of(make_part, drawn, 1001)
    train(task, replace(make_part("oslo").recipe.training, seed=1001))
    write_shared(task, 1001, tmp_path)

    members = []
    for name in NAMES:
        own = DrawnFitting(**vars(make_part(name)), standards=(standards, standards))
        members.append(own.load_member(1001, tmp_path, own.rivals(own.fold(1001))))

    trained = dict(task.model.named_parameters())
    assert all(
        torch.equal(weight, dict(member.named_parameters())[name])
        for member in members
        for name, weight in trained.items()
    )
    places = [make_part(name).series.station for name in NAMES]
    assert torch.equal(torch.stack([each.statics for each in members]), statics_of(members, places))


def test_statics_stand_behind_the_other_features(make_part, drawn):
    task, standards = task_of(make_part, drawn, 1000)

    told = standards.of_stations([drawn["bergen"][1000].numbers])[0]
    assert np.array_equal(task.train.features[0, 0, -len(STATICS) :], told.numpy())
