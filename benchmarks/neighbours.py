"""Make stations whose weather follows one law: what is there to be learnt from each other."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from forecasting.climate.series import ClimateSeries, Station, Variable

#: Days that are simulated before the first one that is kept.
BEFORE = 200

VARIABLES = (
    Variable(name="temperature_2m_mean", unit="°C", lower=-100, upper=150),
    Variable(name="wind_speed_10m_mean", unit="m/s", lower=0, upper=75),
)


def simulate(rows: int, stations: int, seed: int, *, apart: bool) -> dict[str, ClimateSeries]:
    """Return stations of so many days.

    An anomaly stays on still days and is blown away on windy ones, which no regression can say;
    levels, yearly waves and the size of the anomalies are each station's own.

    Args:
        rows: days of each station.
        stations: how many there are.
        seed: of all draws.
        apart: every station has weather of its own; else one weather passes over all of them.
    """
    rng = np.random.default_rng(seed)
    made, weather = {}, _weather(rng, rows + BEFORE)
    for place in range(stations):
        if apart and place:
            weather = _weather(rng, rows + BEFORE)
        wind, anomaly = weather
        days = np.arange(rows + BEFORE)
        wave = (6 + 2 * place) * np.sin(2 * np.pi * (days - 110) / 365.25)
        target = 5 + 3 * place + wave + (0.7 + 0.2 * place) * anomaly
        breeze = wind + 0.1 * np.abs(rng.normal(size=len(wind)))
        made[f"s{place}"] = _series(place, np.column_stack([target, breeze])[BEFORE:])
    return made


def _weather(
    rng: np.random.Generator, days: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return wind in m/s and anomaly in °C, (days,) each."""
    gusts = rng.normal(0, 1.5, days + 1)
    wind = np.abs(gusts[1:] + gusts[:-1]) / 1.5
    shocks = rng.normal(0, 1.6, days)
    anomaly = np.zeros(days)
    for day in range(1, days):
        kept = 0.95 if wind[day - 1] < 1.2 else 0.2
        anomaly[day] = kept * anomaly[day - 1] + shocks[day]
    return wind, anomaly


def _series(place: int, columns: NDArray[np.float64]) -> ClimateSeries:
    values = columns.astype(np.float32)
    return ClimateSeries(
        station=Station(
            name=f"s{place}",
            latitude=50 + place,
            longitude=10,
            timezone="UTC",
            elevation=100 * place,
        ),
        variables=VARIABLES,
        target=VARIABLES[0].name,
        start=datetime(2012, 1, 1, tzinfo=UTC),
        values=values,
        observed=np.isfinite(values),
    )
