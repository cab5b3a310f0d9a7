"""The slopes by the state of each step: as autograd gives them, and as theory says they fade."""

import numpy as np
import pytest
import torch

from forecasting.climate.gradients import (
    WINDOWS,
    Probe,
    compare_cells,
    gather_examples,
    state_gradients,
)
from forecasting.recurrent import CELLS

WIDTH = 6


@pytest.fixture(scope="module")
def examples(make_forecaster, make_series):
    return gather_examples(make_forecaster(), make_series(gaps=0.1))


@pytest.fixture(scope="module")
def compared(examples):
    return compare_cells(examples, WIDTH)


def make_probe(cell, examples):
    torch.manual_seed(3)
    return Probe(cell, examples, WIDTH)


def test_examples_are_spread_over_the_series_and_say_what_is_known(examples):
    assert examples.features.shape == (WINDOWS, 10, 8)
    assert examples.targets.shape == examples.known.shape == (WINDOWS, 3)
    assert torch.isfinite(examples.features).all()
    assert 0.5 < examples.known.float().mean() < 1
    assert not examples.targets[~examples.known].any()


@pytest.mark.parametrize("cell", CELLS)
def test_a_slope_is_how_the_loss_answers_a_nudge_of_the_state(examples, cell):
    probe = make_probe(cell, examples).double()
    single = type(examples)(
        features=examples.features[5:6].double(),
        targets=examples.targets[5:6].double(),
        known=examples.known[5:6],
    )
    place, nudge = 6, 1e-6

    def loss(state):
        after, _ = probe.core(single.features[:, place + 1 :], state)
        error = (probe.head(after[:, -1]) - single.targets)[single.known]
        return error.square().mean().item()

    _, [state] = probe.core(single.features[:, : place + 1])
    slopes = []
    for part, values in enumerate(state):
        for unit in range(WIDTH):
            moved = values.clone()
            moved[0, 0, unit] += nudge
            changed = tuple(moved if i == part else each for i, each in enumerate(state))
            slopes.append((loss((changed,)) - loss((state,))) / nudge)

    found = state_gradients(probe, single)

    assert found.shape == (10,)
    assert found[place] == pytest.approx(np.linalg.norm(slopes), rel=1e-3)


def test_every_cell_learns_and_none_is_left_out(compared):
    assert tuple(compared) == CELLS
    for course in compared.values():
        assert course.untrained.shape == course.trained.shape == (10,)
        assert np.isfinite(course.trained).all()
        assert course.loss[1] < course.loss[0]


def test_elmans_gradient_fades_sooner_than_that_of_the_identity(compared):
    faded = {cell: course.untrained[0] / course.untrained[-1] for cell, course in compared.items()}

    assert faded["rnn"] < 0.01 * faded["irnn"]
    assert faded["rnn"] < faded["lstm"]
    assert faded["rnn"] < faded["gru"]


def test_the_same_examples_give_the_same_course(examples, compared):
    again = compare_cells(examples, WIDTH)

    for cell in CELLS:
        np.testing.assert_array_equal(again[cell].trained, compared[cell].trained)
