import pytest
import torch

from forecasting.errors import ModelInvalid
from forecasting.gates import open_gates
from forecasting.recurrent import CoreSpec, RecurrentCore


@pytest.fixture
def make_core():
    """Build a core whose every weight is drawn with the seed."""

    def build(cell, *, widths=(4, 5), scale=0.6, **changes):
        core = RecurrentCore(CoreSpec(cell=cell, inputs=3, widths=widths, **changes)).eval()
        generator = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for weight in core.parameters():
                weight.normal_(0.0, scale, generator=generator)
        return core

    return build


@pytest.fixture
def inputs():
    return torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("widths", [(4,), (4, 5), (6, 3, 2)])
def test_the_gates_lead_to_the_states_that_the_core_itself_returns(make_core, inputs, cell, widths):
    core = make_core(cell, widths=widths)

    opened = open_gates(core, inputs)

    outputs, state = core(inputs)
    torch.testing.assert_close(opened[-1].outputs, outputs, atol=1e-5, rtol=0)
    for layer, held in zip(opened, state, strict=True):
        torch.testing.assert_close(layer.outputs[:, -1], held[0][0], atol=1e-5, rtol=0)
        torch.testing.assert_close(layer.memory[:, -1], held[-1][0], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("cell", "names"), [("lstm", {"forget", "input", "output"}), ("gru", {"reset", "update"})]
)
def test_every_gate_is_a_share_at_every_step(make_core, inputs, cell, names):
    for layer, width in zip(open_gates(make_core(cell), inputs), (4, 5), strict=True):
        assert set(layer.gates) == names
        for gate in layer.gates.values():
            assert gate.shape == (2, 40, width)
            assert ((gate > 0) & (gate < 1)).all()


def test_dropout_between_the_layers_is_left_out(make_core, inputs):
    core = make_core("gru", dropout=0.9)

    opened = open_gates(core, inputs)

    torch.testing.assert_close(opened[-1].outputs, core(inputs)[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_gate_that_always_keeps_a_share_remembers_one_over_what_it_loses(cell, share, inputs):
    core = RecurrentCore(CoreSpec(cell=cell, inputs=3, widths=(4,)))
    with torch.no_grad():
        for weight in core.parameters():
            weight.zero_()
        core.layers[0].bias_ih_l0[4:8] = torch.logit(torch.tensor(share))  # forget, or update

    [layer] = open_gates(core, inputs)

    torch.testing.assert_close(layer.kept[0, :3, 0], torch.tensor([1, share, share**2]))
    expected = (1 - share**40) / (1 - share)
    torch.testing.assert_close(layer.memory_length, torch.full((2, 4), expected))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_what_was_kept_is_what_an_older_memory_still_weighs(make_core, inputs, cell):
    core = make_core(cell, widths=(4,))
    [layer] = open_gates(core, inputs)
    back = 3
    keeping = layer.gates[layer.keeper]

    product = keeping[:, -1] * keeping[:, -2] * keeping[:, -3]

    torch.testing.assert_close(layer.kept[:, back], product)
    assert (layer.memory_length >= 1).all()
    assert (layer.memory_length <= inputs.shape[1]).all()


@pytest.mark.parametrize("cell", ["rnn", "irnn"])
def test_a_cell_without_gates_is_refused(make_core, inputs, cell):
    with pytest.raises(ModelInvalid, match="has no gates"):
        open_gates(make_core(cell), inputs)
