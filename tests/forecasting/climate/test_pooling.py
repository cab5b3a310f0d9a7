"""One model over several stations: what is shared, what is not, and that nothing leaks across."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.climate.assembling import assemble
from forecasting.climate.export import GraphForecaster, write_graph
from forecasting.climate.fitting import gather
from forecasting.climate.members import members_of, write_members
from forecasting.climate.pooling import STATICS, Pool, PooledFitting, PooledTask, statics_of
from forecasting.climate.sharing import share_out
from forecasting.climate.windows import Blocks, cut
from forecasting.errors import SeriesTooShort
from forecasting.training.checkpoints import latest

PLACES = {"oslo": (59.9, 23.0), "lima": (-12.0, 154.0)}


@pytest.fixture(scope="module")
def make_pool(make_series, make_fitting, tmp_path_factory):
    """Build a pool of two stations of which one is warmer, and later by some days."""

    def build(*, changed=None, heights=True, folds=2, epochs=2, seed=1, budget=256):
        tiny = make_fitting(epochs=epochs, folds=folds, seed=seed)
        recipe = replace(tiny.recipe, pooled_windows=budget)
        series = {}
        for place, (name, (latitude, height)) in enumerate(PLACES.items()):
            each = make_series(460 - 20 * place, seed=place, gaps=0.03)
            station = replace(
                each.station, name=name, latitude=latitude, elevation=height if heights else None
            )
            values = each.values + np.float32(10 * place)
            start = each.label(20 * place)
            series[name] = replace(each, station=station, values=values, start=start)
        for name, change in (changed or {}).items():
            series[name] = change(series[name])
        blocks = {name: Blocks.of(len(each), tiny.window) for name, each in series.items()}
        shares = share_out(
            {name: (each, blocks[name]) for name, each in series.items()}, tiny.window, folds
        )
        folder = tmp_path_factory.mktemp("pool")
        stations = {
            name: PooledFitting(
                series=series[name],
                window=tiny.window,
                blocks=Blocks(train=share.train, gate=len(series[name])),
                recipe=recipe,
                cell="gru",
                seed=seed,
                share=share,
            )
            for name, share in shares.items()
        }
        return Pool(stations=stations, homes={name: folder / name for name in stations})

    return build


@pytest.fixture(scope="module")
def fitted(make_pool, tmp_path_factory):
    """A pool whose members are all trained; the folder is that of its checkpoints."""
    pool, folder = make_pool(), tmp_path_factory.mktemp("checkpoints")
    for seed in pool.recipe.seeds(pool.seed):
        pool.fit_member(seed, folder)
    return pool


def members(pool, name):
    fitting = pool.stations[name]
    return [
        fitting.load_member(seed, pool.homes[name], fitting.rivals(fitting.fold(seed)))
        for seed in fitting.recipe.seeds(fitting.seed)
    ]


def test_stations_share_every_weight_and_keep_their_own_numbers(fitted):
    for one, other in zip(members(fitted, "oslo"), members(fitted, "lima"), strict=True):
        pairs = zip(one.parameters(), other.parameters(), strict=True)
        assert all(torch.equal(mine, yours) for mine, yours in pairs)
        for buffer in ("mean", "deviation", "usual", "spread", "statics", "linear.weights"):
            assert not torch.equal(one.get_buffer(buffer), other.get_buffer(buffer)), buffer


def test_statics_are_standardised_over_the_stations(fitted):
    for one, other in zip(members(fitted, "oslo"), members(fitted, "lima"), strict=True):
        both = torch.stack([one.statics, other.statics])
        assert both.shape == (2, len(STATICS))
        torch.testing.assert_close(both.mean(dim=0), torch.zeros(len(STATICS)))
        torch.testing.assert_close(both.abs(), torch.ones(2, len(STATICS)))
        assert (one.statics[:2] * torch.tensor([1, -1]) > 0).all()  # further north, lower


def test_a_station_without_an_elevation_is_taken_for_the_mean_one(make_forecaster, make_pool):
    pool = make_pool(heights=False)
    places = [fitting.series.station for fitting in pool.stations.values()]
    both = [make_forecaster(seed=seed, statics=len(STATICS)) for seed in range(2)]
    assert statics_of(both, places)[:, 1].tolist() == [0.0, 0.0]
    high = statics_of(both, [replace(places[0], elevation=9.0), places[1]])
    assert high[:, 1].tolist() == [0.0, 0.0]
    assert statics_of(both, places)[:, 2:].abs().max() == 0.0  # of two alike, neither stands out


def test_one_strange_station_is_not_read_as_a_million_deviations(make_forecaster, make_pool):
    place = next(iter(make_pool().stations.values())).series.station
    many = [make_forecaster(statics=len(STATICS)) for _ in range(40)]
    places = [replace(place, elevation=0.0)] * 39 + [replace(place, elevation=8000.0)]
    assert statics_of(many, places)[-1, 1] == 3.0


def test_the_statics_of_a_station_reach_its_forecast_and_its_graph(fitted, tmp_path):
    fitting = fitted.stations["oslo"]
    assembly = assemble(fitting, fitted.homes["oslo"])
    windows = cut(fitting.series, fitting.window, range(400, 407))
    history, origin, _ = gather(windows, np.arange(7), torch.device("cpu"))

    def said(path):
        write_graph(assembly.blend, fitting.window, 2, path)
        return GraphForecaster(path)(history.numpy(), origin.numpy())

    with torch.no_grad():
        own, graph = assembly.blend(history, origin).numpy(), said(tmp_path / "own.onnx")
        np.testing.assert_allclose(graph, own, atol=1e-4)
        for member in assembly.blend.members:
            member.statics = -member.statics
        assert np.abs(said(tmp_path / "other.onnx") - graph).max() > 1e-3


def test_a_global_candidate_is_kept_and_rebuilt_as_any_other(fitted, tmp_path):
    assembly = assemble(fitted.stations["lima"], fitted.homes["lima"])
    write_members(assembly.blend, tmp_path / "weights.safetensors")
    for kept, made in zip(members_of(tmp_path), assembly.blend.members, strict=True):
        assert kept.spec == made.spec
        assert torch.equal(kept.statics, made.statics)
    assert fitted.stations["lima"].parameters()["kind"] == "global"


def told_of(pool, name):
    """What is known at a station's held origins and after its pool's end: all but the gate's."""
    fitting = pool.stations[name]
    weights = [
        part for each in members(pool, name) for part in (*each.parameters(), *each.buffers())
    ]
    assembly = assemble(fitting, pool.homes[name])
    return weights, assembly


def fitted_with(make_pool, tmp_path, **changed):
    pool = make_pool(changed=changed, epochs=1)
    for seed in pool.recipe.seeds(pool.seed):
        pool.fit_member(seed, tmp_path / "checkpoints")
    return pool


def disturbed(first, last):
    """Replace a station's rows by noise."""

    def change(series):
        values = series.values.copy()
        noise = np.random.default_rng(5).normal(0, 30, values.shape).astype(np.float32)
        values[first:last] = noise[first:last]
        return replace(series, values=values, observed=np.isfinite(values))

    return change


def test_rows_of_another_station_in_the_gates_time_change_nothing(make_pool, tmp_path):
    still = fitted_with(make_pool, tmp_path / "a")
    end = still.stations["lima"].blocks.train
    moved = fitted_with(make_pool, tmp_path / "b", lima=disturbed(end, None))
    before, plain = told_of(still, "oslo")
    after, other = told_of(moved, "oslo")
    assert all(torch.equal(mine, yours) for mine, yours in zip(before, after, strict=True))
    assert np.array_equal(plain.weights.near, other.weights.near)
    assert np.array_equal(plain.weights.offsets, other.weights.offsets)
    assert plain.loss == other.loss


@pytest.mark.parametrize("turn", [0, 1])
def test_rows_of_another_station_in_held_time_do_not_reach_who_holds_it_out(
    make_pool, tmp_path, turn
):
    still = fitted_with(make_pool, tmp_path / "a")
    held = still.stations["lima"].share.held[turn]
    moved = fitted_with(make_pool, tmp_path / "b", lima=disturbed(*held))
    own = [members(pool, "oslo") for pool in (still, moved)]
    same = [
        all(torch.equal(x, y) for x, y in zip(one.parameters(), other.parameters(), strict=True))
        and torch.equal(one.statics, other.statics)
        for one, other in zip(*own, strict=True)
    ]
    # A member's early stop does look at half of what it holds out: one epoch leaves it no choice.
    assert same == [turn == 0] * 2 + [turn == 1] * 2


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(make_pool, tmp_path):
    once, again = (fitted_with(make_pool, tmp_path / name) for name in "ab")
    for one, other in zip(members(once, "oslo"), members(again, "oslo"), strict=True):
        for mine, yours in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(mine, yours)
    other = make_pool(seed=2, epochs=1)
    assert other.seed == 2
    seed = other.recipe.seeds(2)[0]
    other.fit_member(seed, tmp_path / "c")
    fitting = other.stations["oslo"]
    member = fitting.load_member(seed, other.homes["oslo"], fitting.rivals(fitting.fold(seed)))
    assert not torch.equal(member.hidden.weight, members(once, "oslo")[0].hidden.weight)


def test_a_member_that_was_cut_off_is_resumed_to_the_same_weights(make_pool, tmp_path):
    whole, cut_off = make_pool(), make_pool()
    seed = whole.recipe.seeds(whole.seed)[0]
    whole.fit_member(seed, tmp_path / "whole")

    class Killed(Exception):
        """What a kill comes to in one process."""

    def kill(_):
        raise Killed

    with pytest.raises(Killed):
        cut_off.fit_member(seed, tmp_path / "cut", kill)
    assert not (cut_off.homes["oslo"]).exists()
    assert latest(tmp_path / "cut" / f"member-{seed}", latest_spec(whole, seed)).epoch == 1
    fit = cut_off.fit_member(seed, tmp_path / "cut")
    assert fit.resumed_from == 1
    for name in PLACES:
        paths = [
            pool.stations[name].weights_path(seed, pool.homes[name]) for pool in (whole, cut_off)
        ]
        assert paths[0].read_bytes() == paths[1].read_bytes()


def latest_spec(pool, seed):
    from dataclasses import asdict  # noqa: PLC0415 - used here only

    return asdict(replace(pool.recipe.training, seed=seed))


@pytest.mark.parametrize("budget", [1, 256, 2000])
def test_an_epoch_draws_the_same_number_of_windows_whatever_the_stations_have(make_pool, budget):
    pool = make_pool()
    _, tasks = pool._members(pool.recipe.seeds(1)[0])
    task = PooledTask(tasks, budget)
    drawn = list(task.batches(torch.Generator().manual_seed(3)))
    windows = sum(len(positions) for _, positions in drawn)
    assert budget <= windows < budget + pool.recipe.batch
    for _, positions in drawn:
        assert len(positions) <= pool.recipe.batch
    if budget >= 256:
        shares = {name: sum(len(p) for each, p in drawn if each == name) for name in PLACES}
        assert min(shares.values()) > 0.35 * windows
    again = list(task.batches(torch.Generator().manual_seed(3)))
    assert all(np.array_equal(x[1], y[1]) for x, y in zip(drawn, again, strict=True))


def gap(first, last):
    def change(series):
        values = series.values.copy()
        values[first:last] = np.nan
        return replace(series, values=values, observed=np.isfinite(values))

    return change


def test_a_station_with_a_gap_where_it_would_stop_leaves_the_training_to_the_others(
    make_pool, tmp_path
):
    held = make_pool().stations["lima"].share.held[0]
    pool = make_pool(changed={"lima": gap(*held)}, epochs=1)
    seed = pool.recipe.seeds(pool.seed)[0]
    members_, tasks = pool._members(seed)
    assert set(tasks) == {"oslo"}
    assert set(members_) == {"oslo", "lima"}
    pool.fit_member(seed, tmp_path)
    assert all(
        pool.stations[name].weights_path(seed, pool.homes[name]).is_file() for name in PLACES
    )


def test_without_any_station_to_stop_on_the_training_is_refused(make_pool, tmp_path):
    still = make_pool().stations
    gaps = {name: gap(*still[name].share.held[0]) for name in PLACES}
    pool = make_pool(changed=gaps)
    with pytest.raises(SeriesTooShort, match="no window with a known target"):
        pool.fit_member(pool.recipe.seeds(pool.seed)[0], tmp_path)


def test_the_early_stop_weighs_stations_by_their_own_spread(make_pool, monkeypatch):
    pool = make_pool()
    _, tasks = pool._members(pool.recipe.seeds(1)[0])
    spreads = []
    for place, task in enumerate(tasks.values()):
        spread = float(10**place)
        task.model.spread = torch.full((3,), spread)
        monkeypatch.setattr(task, "score", lambda error=spread: 0.5 * error)
        spreads.append(spread)
    assert PooledTask(tasks, 256).score() == pytest.approx(0.5 * np.mean(spreads))
