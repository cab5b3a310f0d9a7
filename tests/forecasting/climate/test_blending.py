"""The blend: its columns are those of the rivals, and its quantiles stand outward in order."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from forecasting.climate.baselines import fit_baselines
from forecasting.climate.blending import COLUMNS, Blend, BlendWeights, outward
from forecasting.climate.model import LEVELS
from forecasting.climate.windows import cut

NUMBERS = st.floats(-1e6, 1e6, width=32)


@pytest.fixture
def asked(make_forecaster, make_series):
    """A blend of one member, its rivals, windows, and how they are asked."""
    series = make_series(120)
    member = make_forecaster()
    window = member.spec.window
    rivals = fit_baselines(series, 80, window)
    windows = cut(series, window, range(90, 110))
    history = torch.from_numpy(np.ascontiguousarray(windows.history[np.arange(len(windows))]))
    origin = torch.from_numpy(windows.origin_seconds(np.arange(len(windows))))
    blend = Blend([member], rivals, BlendWeights.even(member.spec)).eval()
    return blend, rivals, windows, (history, origin)


def test_each_simple_column_is_what_the_rival_says(asked):
    blend, rivals, windows, question = asked

    with torch.no_grad():
        columns, _ = blend.parts(*question)

    for name, rival in rivals.rivals().items():
        found = columns[..., COLUMNS.index(name)].numpy()
        np.testing.assert_allclose(found, rival(windows), atol=1e-3, err_msg=name)


@given(arrays.arrays(np.float32, (2, len(LEVELS)), elements=NUMBERS))
def test_quantiles_are_moved_outward_as_one_after_the_other_would_be(moved):
    found = outward(torch.from_numpy(moved), LEVELS).numpy()

    middle = LEVELS.index(0.5)
    above = np.maximum.accumulate(moved[:, middle:], axis=1)
    below = np.minimum.accumulate(moved[:, middle::-1], axis=1)[:, :0:-1]
    np.testing.assert_array_equal(found, np.concatenate([below, above], axis=1))


@pytest.mark.parametrize("place", range(len(LEVELS)))
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_moving_outward_hides_no_number_that_is_none(place, wrong):
    moved = torch.zeros(1, len(LEVELS))
    moved[0, place] = wrong

    assert not torch.isfinite(outward(moved, LEVELS)[0, place])
