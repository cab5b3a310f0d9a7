"""Units are converted by one table, in order, and what is not asked for stays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.units import WORDS, UnitWords

QUANTITIES = {"°C": "temperature", "m/s": "wind_speed", "mm": "precipitation"}


@pytest.mark.parametrize(
    ("internal", "word", "value", "symbol", "expected"),
    [
        ("°C", "celsius", 21.5, "°C", 21.5),
        ("°C", "fahrenheit", 100.0, "°F", 212.0),
        ("°C", "fahrenheit", -40.0, "°F", -40.0),
        ("m/s", "ms", 3.0, "m/s", 3.0),
        ("m/s", "kmh", 10.0, "km/h", 36.0),
        ("m/s", "mph", 0.44704, "mph", 1.0),
        ("m/s", "kn", 1852.0, "kn", 3600.0),
        ("mm", "mm", 2.0, "mm", 2.0),
        ("mm", "inch", 25.4, "inch", 1.0),
    ],
)
def test_a_word_gives_the_unit_and_the_value(internal, word, value, symbol, expected):
    words = UnitWords(**{QUANTITIES[internal]: word})

    assert words.symbol(internal) == symbol
    assert words.convert(np.array([value]), internal)[0] == pytest.approx(expected)


def test_a_quantity_without_a_word_stays_in_its_own_unit():
    words = UnitWords(temperature="fahrenheit", wind_speed="kn", precipitation="inch")

    assert words.symbol("hPa") == "hPa"
    assert words.convert(np.array([1013.2]), "hPa").tolist() == [1013.2]
    assert UnitWords().symbol("°C") == "°C"


@given(
    st.sampled_from([(unit, word) for unit, words in WORDS.items() for word in words]),
    st.lists(st.floats(-500, 500), min_size=2, max_size=9),
)
def test_values_in_order_stay_in_order(pair, values):
    unit, word = pair
    words = UnitWords(**{QUANTITIES[unit]: word})

    converted = words.convert(np.sort(np.array(values)), unit)

    assert (np.diff(converted) >= 0).all()
