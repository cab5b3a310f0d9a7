import pytest
import torch

from forecasting.errors import ModelInvalid
from forecasting.language.fitting import dropped_weights
from forecasting.language.gradients import gradient_norms
from forecasting.language.model import CharacterModel, ModelSpec, width_of_size
from forecasting.recurrent import trainable

NUMBERS = torch.arange(40).view(2, 20) % 7


def make(cell="lstm", **words):
    torch.manual_seed(0)
    return CharacterModel(ModelSpec(cell=cell, widths=(12,), **words), 7)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_two_halves_give_what_the_whole_gives(cell):
    model = make(cell).eval()

    whole, _ = model(NUMBERS)
    first, state = model(NUMBERS[:, :9])
    second, _ = model(NUMBERS[:, 9:], state)

    assert torch.allclose(whole, torch.cat([first, second], dim=1), atol=1e-6)


def test_one_hot_inputs_are_not_trained_and_learnt_ones_are():
    plain, learnt = make(), make(embedding=5)

    assert torch.equal(plain.table(NUMBERS), torch.nn.functional.one_hot(NUMBERS, 7).float())
    assert not plain.table.weight.requires_grad
    assert learnt.table(NUMBERS).shape == (2, 20, 5)
    assert learnt.table.weight.requires_grad


def test_forget_gates_begin_open_by_the_bias_that_is_asked_for():
    torch.manual_seed(0)
    plain = make()
    opened = make(forget_bias=1.0)

    difference = opened.core.layers[0].bias_hh_l0 - plain.core.layers[0].bias_hh_l0
    assert difference.view(4, 12).sum(dim=1).tolist() == pytest.approx([0, 12, 0, 0], abs=1e-4)


def test_noise_and_dropout_act_in_training_only():
    model = make(dropout=0.5, input_dropout=0.5, weight_dropout=0.5, noise=0.5)

    assert not torch.equal(model(NUMBERS)[0], model(NUMBERS)[0])
    assert dropped_weights(model)["core.layers.0.weight_hh_l0"].eq(0).any()
    model.eval()
    assert torch.equal(model(NUMBERS)[0], model(NUMBERS)[0])
    assert dropped_weights(model) == {}


def test_a_share_beyond_one_is_refused():
    with pytest.raises(ModelInvalid, match="dropout and noise are shares"):
        ModelSpec(cell="gru", widths=(4,), noise=1.0)


def test_cells_of_equal_size_have_nearly_the_same_number_of_parameters():
    counts = {
        cell: trainable(
            CharacterModel(ModelSpec(cell=cell, widths=(width_of_size(cell, 10_000, 28),)), 28)
        )
        for cell in ("rnn", "lstm", "gru")
    }

    assert all(abs(count - 10_000) < 400 for count in counts.values()), counts


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_gradient_at_an_earlier_state_is_that_of_a_finite_difference(cell):
    model = make(cell)
    numbers = torch.arange(16 * 9 + 1) % 7

    norms = gradient_norms(model, numbers)

    assert len(norms) == 9
    assert norms[0] > 0
    assert all(weight.grad is None for weight in model.parameters())
    if cell == "rnn":  # its Jacobian is known: diag(1 - h^2) W
        inputs = numbers[:-1].view(16, 9)
        outputs, _ = model.core(model.table(inputs))
        logits = model.head(outputs[:, -1])
        target = torch.nn.functional.one_hot(numbers[1:].view(16, 9)[:, -1], 7)
        now = (torch.softmax(logits, -1) - target.float()) @ model.head.weight
        slope = 1 - outputs[:, -1] ** 2
        before = (now * slope) @ model.core.layers[0].weight_hh_l0
        assert norms[0] == pytest.approx(float(now.norm(dim=-1).mean().detach()), rel=1e-4)
        assert norms[1] == pytest.approx(float(before.norm(dim=-1).mean().detach()), rel=1e-4)
