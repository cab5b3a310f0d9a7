import numpy as np
import pytest

from forecasting.climate.baselines import fit_baselines, target_seconds
from forecasting.climate.windows import WindowSpec, cut

SPEC = WindowSpec(history=4, horizon=3)


@pytest.fixture
def windows_of():
    def build(series):
        return cut(series, SPEC, SPEC.origins(0, len(series)))

    return build


def test_persistence_says_that_the_last_known_value_stays(series_of, windows_of):
    series = series_of([1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0, 8.0])

    forecast = fit_baselines(series, 8, SPEC).persistence(windows_of(series))

    assert forecast.tolist() == [[3.0] * 3, [5.0] * 3]


def test_persistence_falls_back_on_the_usual_where_nothing_is_known(make_series, windows_of):
    series = make_series(200)
    values = series.values.copy()
    values[100:104] = np.nan
    gap = type(series)(**{**vars(series), "values": values, "observed": np.isfinite(values)})
    baselines = fit_baselines(gap, 200, SPEC)
    windows = windows_of(gap)

    forecast = baselines.persistence(windows)[100]

    assert forecast[0] == pytest.approx(baselines.climatology.at(series.seconds[[103]])[0])


def test_climatology_is_asked_for_the_days_of_the_targets(make_series, windows_of):
    series = make_series(800)
    baselines, windows = fit_baselines(series, 700, SPEC), windows_of(series)

    forecast = baselines.usual_course(windows)

    assert target_seconds(windows)[0].tolist() == series.seconds[4:7].tolist()
    np.testing.assert_array_equal(forecast[0], baselines.climatology.at(series.seconds[4:7]))


def test_an_anomaly_fades_lead_by_lead(make_series, windows_of):
    series = make_series(1500)
    baselines, windows = fit_baselines(series, 1200, SPEC), windows_of(series)

    first, second, third = baselines.damping

    assert 1 > first > second > third > 0
    assert first == pytest.approx(0.7, abs=0.1)
    rest = baselines.damped_anomaly(windows) - baselines.usual_course(windows)
    np.testing.assert_allclose(rest[:, 2], rest[:, 0] * third / first)


def test_a_column_without_anomaly_is_not_damped_by_a_division_by_zero(series_of):
    series = series_of(np.full(60, 4.0))
    values = fit_baselines(series, 60, SPEC)

    assert np.isfinite(values.damping).all()


def test_every_report_names_the_same_six_rivals(make_series, windows_of):
    series = make_series(400, gaps=0.1)
    rivals = fit_baselines(series, 300, SPEC).rivals()

    assert list(rivals) == [
        "persistence", "climatology", "damped_anomaly_persistence",
        "linear_on_anomalies", "linear_shifted", "linear_recentred",
    ]  # fmt: skip
    for rival in rivals.values():
        forecast = rival(windows_of(series))
        assert forecast.shape == (len(windows_of(series)), SPEC.horizon)
        assert np.isfinite(forecast).all()


def test_the_usual_distance_is_that_of_the_running_mean(series_of):
    rng = np.random.default_rng(0)
    slow = np.repeat(rng.normal(0, 3, 40), 10)
    steady = fit_baselines(series_of(slow), 400, SPEC).usual_distance
    noisy = fit_baselines(series_of(rng.normal(0, 3, 400)), 400, SPEC).usual_distance

    assert steady > 1.2 * noisy > 0
