import pytest
import torch

from forecasting.errors import ModelInvalid
from forecasting.recurrent import CELLS, CoreSpec, RecurrentCore, detach, trainable


def make_core(cell="gru", *, inputs=3, widths=(4, 5), **changes):
    return RecurrentCore(CoreSpec(cell=cell, inputs=inputs, widths=widths, **changes)).eval()


def test_elman_with_relu_starts_at_the_identity():
    core = make_core("irnn", inputs=2, widths=(3, 3))
    state = ((torch.tensor([[[1.0, 2.0, 3.0]]]),),) * 2

    outputs, after = core(torch.zeros(1, 5, 2), state)

    for layer in core.layers:
        torch.testing.assert_close(layer.weight_hh_l0, torch.eye(3), rtol=0, atol=0)
        assert not layer.bias_hh_l0.any()
        assert layer.nonlinearity == "relu"
    torch.testing.assert_close(after[0][0], state[0][0])
    assert outputs.shape == (1, 5, 3)


def test_elman_with_tanh_starts_elsewhere():
    core = make_core("rnn", inputs=2, widths=(3,))

    assert core.layers[0].nonlinearity == "tanh"
    assert not torch.equal(core.layers[0].weight_hh_l0, torch.eye(3))


@pytest.mark.parametrize("cell", CELLS)
def test_one_bias_freezes_the_second_at_zero(cell):
    free, frozen = make_core(cell), make_core(cell, one_bias=True)
    seconds = [layer.bias_hh_l0 for layer in frozen.layers]

    assert not any(bias.requires_grad or bias.any() for bias in seconds)
    assert trainable(free) - trainable(frozen) == sum(bias.numel() for bias in seconds)


@pytest.mark.parametrize("cell", CELLS)
def test_one_bias_stays_zero_when_the_others_are_trained(cell):
    # Seeded: a draw in which every rectified unit is silent has no gradient to show.
    torch.manual_seed(1)
    core = make_core(cell, one_bias=True)
    optimiser = torch.optim.AdamW(core.parameters(), lr=0.1, weight_decay=0.1)
    before = core.layers[0].bias_ih_l0.detach().clone()

    core(torch.ones(2, 3, 3))[0].sum().backward()
    optimiser.step()

    assert not core.layers[0].bias_hh_l0.any()
    assert not torch.equal(core.layers[0].bias_ih_l0, before)


@pytest.mark.parametrize("cell", CELLS)
def test_no_state_is_a_state_of_zeros(cell):
    core, inputs = make_core(cell), torch.randn(2, 6, 3)

    without, _ = core(inputs)
    given, _ = core(inputs, core.start(2))

    assert torch.equal(without, given)
    assert len(core.start(2)[0]) == (2 if cell == "lstm" else 1)
    assert [layer[0].shape for layer in core.start(2)] == [(1, 2, 4), (1, 2, 5)]


def test_a_core_remembers_nothing_between_calls():
    core, inputs = make_core("lstm"), torch.randn(2, 6, 3)

    first, second = core(inputs)[0], core(inputs)[0]

    assert torch.equal(first, second)
    assert not list(core.buffers())


@pytest.mark.parametrize("cell", CELLS)
def test_what_a_core_says_last_is_the_same_with_the_steps_first(cell):
    core = make_core(cell)
    inputs = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(3))

    after = core.after(inputs.transpose(0, 1), core.start(2))

    torch.testing.assert_close(after, core(inputs)[0][:, -1].unsqueeze(0))
    assert core.layers[0].batch_first


def test_a_detached_state_carries_numbers_and_no_gradient():
    core = make_core("lstm")
    _, state = core(torch.ones(1, 2, 3))

    cut = detach(state)

    assert all(part.requires_grad for layer in state for part in layer)
    assert not any(part.requires_grad for layer in cut for part in layer)
    assert torch.equal(cut[1][1], state[1][1])


def test_dropout_acts_between_layers_and_in_training_only():
    core, inputs = make_core(dropout=0.5), torch.ones(1, 8, 3)
    assert torch.equal(core(inputs)[0], core(inputs)[0])

    core.train()

    assert not torch.equal(core(inputs)[0], core(inputs)[0])
    alone = make_core(widths=(4,), dropout=0.5).train()
    assert torch.equal(alone(inputs)[0], alone(inputs)[0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "transformer"}, "no such cell.*found transformer"),
        ({"inputs": 0}, "positive sizes; found 0"),
        ({"widths": ()}, "at least one layer"),
        ({"widths": (4, 0)}, "positive sizes"),
        ({"dropout": 1.0}, r"expected \[0, 1\); found 1.0"),
    ],
)
def test_a_core_that_cannot_be_built_is_refused(changes, message):
    with pytest.raises(ModelInvalid, match=message):
        CoreSpec(**{"cell": "gru", "inputs": 3, "widths": (4,), **changes})


def test_inputs_of_another_width_are_refused_with_both_shapes():
    with pytest.raises(ModelInvalid, match=r"\(batch, steps, 3\); found \(2, 6, 4\)"):
        make_core()(torch.zeros(2, 6, 4))


def test_a_mask_of_another_length_is_refused_with_both_shapes():
    with pytest.raises(ModelInvalid, match=r"expected \(2, 6\); found \(2, 5\)"):
        make_core()(torch.zeros(2, 6, 3), mask=torch.ones(2, 5, dtype=torch.bool))
