import numpy as np
import pytest

from benchmarks.protocol import lay_out, read_protocol
from forecasting.climate.backtest import score_points
from forecasting.climate.baselines import fit_baselines
from forecasting.errors import SeriesTooShort
from tests.benchmarks.conftest import WINDOW, make_station


def errors_of(protocol):
    """The mean absolute errors of the simple rivals over the leads."""
    simple = fit_baselines(protocol.series, protocol.train, protocol.window).rivals()
    windows = protocol.windows
    return {name: score_points(windows, rival(windows)) for name, rival in simple.items()}


def test_the_first_origin_is_the_last_train_row_and_every_target_comes_after(protocol):
    assert protocol.origins == range(399, 419)
    windows = protocol.windows
    assert np.array_equal(windows.target[0], protocol.series.values[400:403, 0])
    assert np.array_equal(windows.history[0], protocol.series.values[390:400])
    assert protocol.to_json()["first_origin"].startswith("2013-02-03")


def test_fewer_origins_than_asked_for_are_said():
    protocol = lay_out("bergen", make_station(), WINDOW, (None, 360))
    assert protocol.train == 375
    assert protocol.origins == range(374, 497)
    assert protocol.to_json()["notes"] == ["360 origins were asked for, the rows hold 123"]


@pytest.mark.parametrize("train", [500, 498, 12])
def test_train_rows_that_leave_no_origin_or_hold_no_window_are_refused(train):
    with pytest.raises(SeriesTooShort, match=f"to fit on {train} of them"):
        lay_out("bergen", make_station(), WINDOW, (train, 20))


def test_the_packaged_station_gives_the_published_figures_of_persistence():
    protocol = read_protocol("seattle")
    errors = errors_of(protocol)
    assert (protocol.train, len(protocol.origins)) == (1095, 360)
    assert errors["persistence"].mean_mae == pytest.approx(2.491, abs=5e-4)
    # The published climatology and damping were fitted a little otherwise.
    assert errors["climatology"].mean_mae == pytest.approx(2.300, abs=0.01)
    assert errors["damped_anomaly_persistence"].mean_mae == pytest.approx(2.072, abs=0.015)


def test_delhi_gives_the_published_figures_of_persistence(request):
    path = request.config.rootpath.parent / "shared" / "data" / "DailyDelhiClimateTrain.csv"
    if not path.is_file():
        pytest.skip("../shared/data/DailyDelhiClimateTrain.csv is not beside this clone")
    protocol = read_protocol("delhi", [str(path)])
    found = errors_of(protocol)["persistence"]
    assert (protocol.train, len(protocol.origins)) == (1096, 360)
    assert found.mean_mae == pytest.approx(1.910, abs=5e-4)
    assert found.mae_by_lead[0] == pytest.approx(1.232, abs=5e-4)
    assert found.rmse_by_lead[0] == pytest.approx(1.647, abs=6e-4)
