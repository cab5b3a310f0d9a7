"""The one made-up station of the laws."""

from datetime import UTC, datetime

import numpy as np

from forecasting.climate.series import ClimateSeries, Station, Variable


def series_of(values):
    """A series from (steps, 2) numbers; NaN is a gap."""
    names = ("temperature_2m_mean", "wind_speed_10m_mean")
    return ClimateSeries(
        station=Station(name="oslo", latitude=59.9, longitude=10.7, timezone="Europe/Oslo"),
        variables=tuple(Variable(name=name, unit="°C", lower=0, upper=1) for name in names),
        target=names[0],
        start=datetime(2012, 1, 1, tzinfo=UTC),
        values=values,
        observed=np.isfinite(values),
    )
