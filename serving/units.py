"""Say values in the units that a client asks for, by Open-Meteo's words; from one table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

TemperatureUnit = Literal["celsius", "fahrenheit"]
WindSpeedUnit = Literal["ms", "kmh", "mph", "kn"]
PrecipitationUnit = Literal["mm", "inch"]


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """A unit to give: given value = internal value * scale + offset; every scale is positive."""

    symbol: str
    scale: float = 1.0
    offset: float = 0.0


#: What each word makes of the one internal unit that its quantity has.
#: Sources: a mile is 1609.344 m, a nautical mile 1852 m (BIPM); an inch is 25.4 mm (NIST SP 811).
WORDS: Final[Mapping[str, Mapping[str, _Unit]]] = {
    "°C": {"celsius": _Unit(symbol="°C"), "fahrenheit": _Unit(symbol="°F", scale=1.8, offset=32.0)},
    "m/s": {
        "ms": _Unit(symbol="m/s"),
        "kmh": _Unit(symbol="km/h", scale=3.6),
        "mph": _Unit(symbol="mph", scale=1 / 0.44704),
        "kn": _Unit(symbol="kn", scale=3600 / 1852),
    },
    "mm": {"mm": _Unit(symbol="mm"), "inch": _Unit(symbol="inch", scale=1 / 25.4)},
}


@dataclass(frozen=True, kw_only=True)
class UnitWords:
    """Which units are asked for; None leaves a quantity in its internal one."""

    temperature: TemperatureUnit | None = None
    wind_speed: WindSpeedUnit | None = None
    precipitation: PrecipitationUnit | None = None

    def symbol(self, unit: str) -> str:
        """Return the unit in which values of an internal one are given."""
        return self._given(unit).symbol

    def convert(self, values: NDArray[np.float64], unit: str) -> NDArray[np.float64]:
        """Convert values of any shape from an internal unit; their order stays."""
        given = self._given(unit)
        return values if given.symbol == unit else values * given.scale + given.offset

    def _given(self, unit: str) -> _Unit:
        words = {"°C": self.temperature, "m/s": self.wind_speed, "mm": self.precipitation}
        word = words.get(unit)
        return _Unit(symbol=unit) if word is None else WORDS[unit][word]
