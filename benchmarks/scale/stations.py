"""Make up stations of ten years of days: a CSV file each, and the declaration of all of them."""

from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Ten years.
DAYS: Final = 3653
FIRST: Final = date(2012, 1, 1)

NAME: Final = "made-up"

HEAD: Final = f"""name = "{NAME}"
target = "temperature_2m_mean"
[columns]
t = {{ variable = "temperature_2m_mean", unit = "°C" }}
h = {{ variable = "relative_humidity_2m_mean", unit = "%" }}
w = {{ variable = "wind_speed_10m_mean", unit = "m/s" }}
"""


def write_stations(folder: Path, stations: int, days: int = DAYS) -> Path:
    """Write stations and their declaration; returns the TOML's path.

    A station is the same whatever the number of the others. Each has some days without a row and
    one impossible value, which the checks find.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(stations):
        (folder / f"{_name(place)}.csv").write_text(_csv(place, days))
    path = folder / f"{NAME}.toml"
    path.write_text(declaration(stations))
    return path


def declaration(stations: int) -> str:
    """Return the TOML of so many stations, spread over the Earth."""
    parts = [
        f"[stations.{_name(place)}]\nlatitude = {place * 7 % 120 - 60}\n"
        f'longitude = {place % 360 - 180}\ntimezone = "UTC"\nelevation = {place * 13 % 2000}\n'
        f'source = {{ kind = "csv", paths = ["{_name(place)}.csv"] }}\n'
        for place in range(stations)
    ]
    return "".join([HEAD, *parts])


def _name(place: int) -> str:
    return f"s{place:05d}"


def _csv(place: int, days: int) -> str:
    rng = np.random.default_rng(place)
    columns = _weather(rng, days)
    columns[rng.integers(0, days), 1] = 250.0
    left_out = set(rng.integers(1, days - 1, 5).tolist())
    rows = [
        f"{FIRST + timedelta(days=day)},{t:.1f},{h:.1f},{w:.2f}\n"
        for day, (t, h, w) in enumerate(columns.tolist())
        if day not in left_out
    ]
    return "date,t,h,w\n" + "".join(rows)


def _weather(rng: np.random.Generator, days: int) -> NDArray[np.float64]:
    """Draw a yearly wave whose anomalies fade faster on windy days: (days, 3)."""
    wind = np.abs(rng.normal(3.0, 1.5, days)) + 0.1
    shocks, anomaly = rng.normal(0.0, 1.6, days), np.zeros(days)
    for day in range(1, days):
        anomaly[day] = (0.9 if wind[day - 1] < 3 else 0.5) * anomaly[day - 1] + shocks[day]
    level, size = rng.uniform(-5, 20), rng.uniform(3, 14)
    wave = level + size * np.sin(2 * np.pi * (np.arange(days) - 110) / 365.2425)
    humidity = np.clip(70 - 2 * anomaly + rng.normal(0, 6, days), 2, 100)
    return np.column_stack([wave + anomaly, humidity, wind])
