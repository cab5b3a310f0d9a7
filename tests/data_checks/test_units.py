import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_checks.units import UNITS, siblings
from forecasting.climate.series import UNITS as INTERNAL_UNITS


@pytest.mark.parametrize(
    ("unit", "value", "internal"),
    [
        ("°F", 212, 100),
        ("K", 273.15, 0),
        ("fraction", 0.5, 50),
        ("km/h", 36, 10),
        ("mph", 100, 44.704),
        ("kn", 10, 5.144444),
        ("kPa", 101.325, 1013.25),
        ("Pa", 101325, 1013.25),
        ("inHg", 29.92, 1013.207),
        ("inch", 2, 50.8),
        ("h", 2.5, 9000),
        ("min", 3, 180),
        ("cm", 250, 2.5),
        ("m³/s", 12, 12),
    ],
)
def test_a_value_converts_to_the_internal_unit(unit, value, internal):
    assert UNITS[unit].inward(np.array([value]))[0] == pytest.approx(internal, rel=1e-5)


@given(st.sampled_from(sorted(UNITS)), st.floats(-1e4, 1e4))
def test_a_value_comes_back_from_the_internal_unit(unit, value):
    inside = UNITS[unit].bound(value)
    assert UNITS[unit].outward(inside) == pytest.approx(value, rel=1e-9, abs=1e-6)


@given(st.sampled_from(sorted(UNITS)), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_a_difference_converts_without_the_offset(unit, one, other):
    apart = UNITS[unit].bound(one) - UNITS[unit].bound(other)
    assert UNITS[unit].inward_step(one - other) == pytest.approx(apart, rel=1e-6, abs=1e-6)
    assert UNITS[unit].outward_step(apart) == pytest.approx(one - other, rel=1e-6, abs=1e-4)


def test_every_unit_leads_to_a_unit_that_the_series_knows():
    assert {unit.internal for unit in UNITS.values()} == set(INTERNAL_UNITS)


def test_siblings_measure_the_same_quantity():
    assert {unit.symbol for unit in siblings("°C")} == {"°F", "K"}
