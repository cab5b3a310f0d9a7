"""Convert a file's units to the one internal unit of each kind of quantity, from one table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A spelling that a file may use: internal value = file value * scale + offset."""

    symbol: str
    internal: str
    scale: float = 1.0
    offset: float = 0.0

    def inward(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert values of any shape from this unit to the internal one."""
        return values * self.scale + self.offset

    def outward(self, value: float) -> float:
        """Convert one value from the internal unit to this one."""
        return (value - self.offset) / self.scale

    def bound(self, value: float) -> float:
        """Convert one bound from this unit to the internal one, rounded as `inward` rounds."""
        return float(self.inward(np.array([value]))[0])

    def outward_step(self, difference: float) -> float:
        """Convert a difference between two values, which no offset touches."""
        return difference / self.scale

    def inward_step(self, difference: float) -> float:
        """Convert a difference between two values of this unit to the internal unit."""
        return difference * self.scale


#: Sources: one international mile is 1609.344 m and one nautical mile 1852 m (BIPM, SI Brochure);
#: one international inch is 25.4 mm and one inch of mercury 33.863886666667 hPa (NIST SP 811).
UNITS: dict[str, Unit] = {
    unit.symbol: unit
    for unit in (
        Unit(symbol="°C", internal="°C"),
        Unit(symbol="°F", internal="°C", scale=5 / 9, offset=-160 / 9),
        Unit(symbol="K", internal="°C", offset=-273.15),
        Unit(symbol="%", internal="%"),
        Unit(symbol="fraction", internal="%", scale=100.0),
        Unit(symbol="m/s", internal="m/s"),
        Unit(symbol="km/h", internal="m/s", scale=1 / 3.6),
        Unit(symbol="mph", internal="m/s", scale=0.44704),
        Unit(symbol="kn", internal="m/s", scale=1852 / 3600),
        Unit(symbol="hPa", internal="hPa"),
        Unit(symbol="kPa", internal="hPa", scale=10.0),
        Unit(symbol="Pa", internal="hPa", scale=0.01),
        Unit(symbol="inHg", internal="hPa", scale=33.863886666667),
        Unit(symbol="mm", internal="mm"),
        Unit(symbol="inch", internal="mm", scale=25.4),
        Unit(symbol="W/m²", internal="W/m²"),
        Unit(symbol="MJ/m²", internal="MJ/m²"),
        Unit(symbol="s", internal="s"),
        Unit(symbol="min", internal="s", scale=60.0),
        Unit(symbol="h", internal="s", scale=3600.0),
        Unit(symbol="µg/m³", internal="µg/m³"),
        Unit(symbol="m", internal="m"),
        Unit(symbol="cm", internal="m", scale=0.01),
        Unit(symbol="m³/s", internal="m³/s"),
        # A number without a unit: an index, a share of one, a count.
        Unit(symbol="1", internal="1"),
    )
}


def siblings(symbol: str) -> tuple[Unit, ...]:
    """Return the other units in which the same quantity is also measured."""
    return tuple(
        unit
        for unit in UNITS.values()
        if unit.internal == UNITS[symbol].internal and unit.symbol != symbol
    )
