"""What holds for every cell, any depth, any stretch of steps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.recurrent import CELLS, CoreSpec, RecurrentCore

INPUTS = 2

lengths = st.integers(1, 12)
depths = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)
seeds = st.integers(0, 2**31)
each_cell = pytest.mark.parametrize("cell", CELLS)


def make_core(cell, widths, seed):
    """Draw every weight with the seed, so that no cell is left at a tame start."""
    core = RecurrentCore(CoreSpec(cell=cell, inputs=INPUTS, widths=widths)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in core.parameters():
            weight.normal_(0.0, 0.3, generator=generator)
    return core


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def assert_same(one, other):
    (outputs, state), (expected_outputs, expected_state) = one, other
    torch.testing.assert_close(outputs, expected_outputs)
    torch.testing.assert_close(state, expected_state)


@each_cell
@given(steps=st.integers(2, 12), cut=st.integers(1, 11), widths=depths, seed=seeds)
def test_two_halves_equal_the_whole(cell, steps, cut, widths, seed):
    core, inputs = make_core(cell, widths, seed), draw((3, steps, INPUTS), seed)
    cut = min(cut, steps - 1)

    first, middle = core(inputs[:, :cut])
    second, end = core(inputs[:, cut:], middle)

    assert_same((torch.cat([first, second], dim=1), end), core(inputs))


@each_cell
@given(steps=st.integers(2, 12), cut=st.integers(1, 11), widths=depths, seed=seeds, data=st.data())
def test_two_halves_equal_the_whole_under_a_mask(cell, steps, cut, widths, seed, data):
    core, inputs = make_core(cell, widths, seed), draw((2, steps, INPUTS), seed)
    rows = st.lists(st.booleans(), min_size=steps, max_size=steps)
    mask = torch.tensor([data.draw(rows), data.draw(rows)])
    cut = min(cut, steps - 1)

    first, middle = core(inputs[:, :cut], mask=mask[:, :cut])
    second, end = core(inputs[:, cut:], middle, mask[:, cut:])

    assert_same((torch.cat([first, second], dim=1), end), core(inputs, mask=mask))


@each_cell
@given(steps=lengths, widths=depths, seed=seeds)
def test_a_mask_that_counts_every_step_is_no_mask(cell, steps, widths, seed):
    core, inputs = make_core(cell, widths, seed), draw((2, steps, INPUTS), seed)

    assert_same(core(inputs, mask=torch.ones(2, steps, dtype=torch.bool)), core(inputs))


@each_cell
@given(counts=st.lists(st.booleans(), min_size=1, max_size=12), widths=depths, seed=seeds)
def test_padding_anywhere_leaves_the_state_alone_and_repeats_the_output(cell, counts, widths, seed):
    core, mask = make_core(cell, widths, seed), torch.tensor([counts])
    inputs = draw((1, len(counts), INPUTS), seed)
    start = tuple(tuple(draw(part.shape, seed) for part in layer) for layer in core.start(1))

    outputs, state = core(inputs, start, mask)

    if mask.any():
        assert_same((outputs[:, mask[0]], state), core(inputs[:, mask[0]], start))
    else:
        torch.testing.assert_close(state, start, rtol=0, atol=0)
    before = start[-1][0][:, 0]
    for step, counted in enumerate(counts):
        if not counted:
            torch.testing.assert_close(outputs[:, step], before, rtol=0, atol=0)
        before = outputs[:, step]


@each_cell
@given(steps=lengths, widths=depths, seed=seeds)
def test_what_stands_in_a_masked_step_changes_nothing(cell, steps, widths, seed):
    core, inputs = make_core(cell, widths, seed), draw((1, steps + 1, INPUTS), seed)
    mask = torch.ones(1, steps + 1, dtype=torch.bool)
    mask[0, seed % (steps + 1)] = False
    changed = torch.where(mask.unsqueeze(-1), inputs, torch.full_like(inputs, 1e3))

    assert_same(core(changed, mask=mask), core(inputs, mask=mask))
