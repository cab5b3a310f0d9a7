"""A forecast is written in the form that is asked for, and never holds what JSON has not."""

import pytest

from serving.answers import encode
from serving.columns import level_name


def test_levels_become_names_and_the_median_keeps_the_targets():
    names = [level_name("rain", level) for level in (0.005, 0.025, 0.29, 0.5, 0.9)]

    assert names == ["rain_p0_5", "rain_p2_5", "rain_p29", "rain", "rain_p90"]


def test_an_answer_never_holds_nan():
    assert encode({"daily": [1.5]}) == b'{"daily":[1.5]}'
    with pytest.raises(ValueError, match="Out of range"):
        encode({"daily": [float("nan")]})
