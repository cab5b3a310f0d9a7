"""Say names, numbers and dates as people read them; the machine's form stays in `datetime`."""

import math
from collections.abc import Collection
from datetime import datetime
from typing import Final

#: How a variable is called in a sentence; any other is its name without underscores.
VARIABLES: Final = {
    "temperature_2m_mean": "mean temperature",
    "temperature_2m_max": "highest temperature",
    "temperature_2m_min": "lowest temperature",
    "temperature_2m": "temperature",
    "relative_humidity_2m_mean": "mean relative humidity",
    "relative_humidity_2m": "relative humidity",
    "wind_speed_10m_mean": "mean wind speed",
    "wind_speed_10m": "wind speed",
    "surface_pressure_mean": "mean surface pressure",
    "surface_pressure": "surface pressure",
    "precipitation_sum": "precipitation",
}

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

MINUS: Final = "\N{MINUS SIGN}"
NARROW: Final = "\N{NARROW NO-BREAK SPACE}"


def spoken(name: str) -> str:
    """Return how a variable, a rival or a station is called in a sentence.

    >>> spoken("precipitation_sum"), spoken("damped_anomaly_persistence")
    ('precipitation', 'damped anomaly persistence')
    """
    return VARIABLES.get(name, name.replace("_", " ").strip() or name)


def number(value: float | None, places: int = 1) -> str:
    """Return a number with a real minus sign; a dash for what is not known.

    >>> number(1234.56)
    '1234.6'
    """
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    text = f"{value:.{places}f}"
    negative = text.startswith("-") and float(text) != 0
    return (MINUS if negative else "") + text.lstrip("-")


def places_of(values: Collection[float]) -> int:
    """Return how many decimals tell the values apart: one, and more where they lie close.

    >>> places_of([1.0, 5.0]), places_of([0.01, 0.05]), places_of([3.0])
    (1, 3, 1)
    """
    spread = max(values, default=0.0) - min(values, default=0.0)
    return 1 if spread <= 0 else min(4, max(1, 1 - math.floor(math.log10(spread))))


def percent(share: float | None) -> str:
    """Return a share in percent.

    >>> percent(0.813)
    '81\N{NARROW NO-BREAK SPACE}%'
    """
    return number(None if share is None else 100 * share, 0) + (
        "" if share is None else NARROW + "%"
    )


def day(label: str) -> str:
    """Return a label as a date, with its time where it has one; another text stays as it is.

    >>> day("2016-01-05"), day("2016-01-05T06:00")
    ('5 Jan 2016', '5 Jan 2016, 06:00')
    """
    try:
        moment = datetime.fromisoformat(label)
    except ValueError:
        return label
    date = f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"
    return f"{date}, {moment:%H:%M}" if "T" in label else date


def degrees(value: float, ends: str) -> str:
    """Return a latitude or longitude: `ends` are the letters for above and below zero.

    >>> degrees(-122.3138, "EW")
    '122.31° W'
    """
    return f"{abs(value):.2f}° {ends[value < 0]}"
