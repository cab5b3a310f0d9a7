"""Three made-up stations whose weather turns over every day, so that small data is enough."""

import math
from datetime import date, timedelta

import numpy as np

#: A year and a half of training rows, and the least gate.
ROWS = 720

NAMES = ("oslo", "bergen", "tromso")

DECLARATION = """
name = "{name}"
history = 8
horizon = 2
target = "temperature_2m_mean"
covariates = ["wind_speed_10m_mean"]
source = {{ kind = "csv", paths = ["{name}.csv"] }}
[station]
latitude = {latitude}
longitude = 10.7
timezone = "Europe/Oslo"
[columns]
temp = {{ variable = "temperature_2m_mean", unit = "°C", stuck_days = 9 }}
wind = {{ variable = "wind_speed_10m_mean", unit = "m/s", stuck_days = 9 }}
"""


def write_stations(folder):
    """Write a file and a declaration of each station; returns the TOMLs' paths by name."""
    return {name: _write(folder, name, number) for number, name in enumerate(NAMES)}


def _write(folder, name, number):
    rng = np.random.default_rng(number)
    departure, lines = 0.0, ["date,temp,wind"]
    for row in range(ROWS):
        day = date(2022, 1, 1) + timedelta(days=row)
        usual = 8 - 10 * math.cos(2 * math.pi * day.timetuple().tm_yday / 365.25)
        # What is too warm today is too cold tomorrow: neither today nor the season foretells it.
        departure = -0.85 * departure + rng.normal(0, 1.5)
        lines.append(f"{day},{usual - number + departure:.2f},{12 + rng.normal(0, 2):.2f}")
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    path = folder / f"{name}.toml"
    path.write_text(DECLARATION.format(name=name, latitude=59 + number))
    return path
