"""Say what is physically possible for each kind of variable, so that a short dataset is enough.

Bounds enclose the records of the World Meteorological Organization's archive of weather
extremes (-89.2 and 56.7 °C; 870 hPa at sea level and about 500 hPa at the highest stations;
1,825 mm of rain in a day) with a margin: they find impossible values, not rare ones.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plausible:
    """What values of one kind of variable may be, in the internal unit.

    `max_jump` is the most that may change in one step, None for no limit. A value that stays
    the same for `stuck_days` days means a stuck sensor, unless it is one of `stuck_except`.
    """

    unit: str
    lower: float
    upper: float
    max_jump: float | None = None
    stuck_days: int | None = None
    stuck_except: tuple[float, ...] = ()


TEMPERATURE = Plausible(unit="°C", lower=-90, upper=60, max_jump=25, stuck_days=7)
PRESSURE = Plausible(unit="hPa", lower=480, upper=1090, max_jump=50, stuck_days=7)
WIND = Plausible(unit="m/s", lower=0, upper=75, stuck_days=10, stuck_except=(0.0,))
GUST = Plausible(unit="m/s", lower=0, upper=120, stuck_days=10, stuck_except=(0.0,))
RAIN = Plausible(unit="mm", lower=0, upper=2000, stuck_days=10, stuck_except=(0.0,))

#: By the beginning of the Open-Meteo name; the first that fits counts.
BY_BEGINNING: tuple[tuple[str, Plausible], ...] = (
    ("temperature_2m", TEMPERATURE),
    ("apparent_temperature", Plausible(unit="°C", lower=-110, upper=80, max_jump=35, stuck_days=7)),
    ("dew_point_2m", TEMPERATURE),
    ("wet_bulb_temperature_2m", TEMPERATURE),
    # No air is wholly dry; with 1 as the lower bound a fraction in a % column cannot pass.
    (
        "relative_humidity_2m",
        Plausible(unit="%", lower=1, upper=100, stuck_days=10, stuck_except=(100.0,)),
    ),
    ("cloud_cover", Plausible(unit="%", lower=0, upper=100)),
    ("wind_speed_10m", WIND),
    ("wind_gusts_10m", GUST),
    ("surface_pressure", PRESSURE),
    ("pressure_msl", Plausible(unit="hPa", lower=850, upper=1090, max_jump=50, stuck_days=7)),
    ("precipitation", RAIN),
    ("rain_sum", RAIN),
)


def plausible(variable: str) -> Plausible | None:
    """Return what is plausible for a variable by its Open-Meteo name; None when not known."""
    return next((rule for start, rule in BY_BEGINNING if variable.startswith(start)), None)
