import numpy as np
import pytest
import torch

from forecasting.climate.gating import watch_gates
from forecasting.errors import ModelInvalid
from forecasting.gates import open_gates

ORIGIN = 1_480_032_000


@pytest.fixture
def history():
    return np.random.default_rng(5).normal(12, 6, (10, 2)).astype(np.float32)


def test_the_members_gates_are_read_from_what_each_member_reads(make_forecaster, history):
    member = make_forecaster(cell="lstm")

    gating = watch_gates([member], history, ORIGIN)

    features = member.features(torch.from_numpy(history[None]), torch.tensor([ORIGIN]))
    [layer] = open_gates(member.core, features)
    for name in ("forget", "input", "output"):
        course = gating.gates["lstm"][name]
        units = layer.gates[name][0].detach().numpy()
        np.testing.assert_allclose(course.mean, units.mean(axis=1), rtol=1e-5)
        assert (course.low <= course.mean).all()
        assert (course.mean <= course.high).all()
        assert ((course.high - course.low) > 0).all()
    np.testing.assert_allclose(gating.kept["lstm"], layer.kept[0].detach().numpy().mean(axis=1))
    assert gating.memory_length == pytest.approx(layer.memory_length.mean().item())


def test_what_is_read_leads_to_what_the_forecaster_says(make_forecaster, history):
    member = make_forecaster(cell="gru")
    batch, origin = torch.from_numpy(history[None]), torch.tensor([ORIGIN])
    read = []
    member.core.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))

    member(batch, origin)

    torch.testing.assert_close(member.features(batch, origin), read[0], rtol=0, atol=0)


def test_cells_are_kept_apart_and_members_of_one_cell_together(make_forecaster, history):
    members = [
        make_forecaster(cell=cell, seed=seed) for seed, cell in enumerate(["gru", "lstm", "gru"])
    ]

    gating = watch_gates(members, history, ORIGIN)

    alone = [watch_gates([members[place]], history, ORIGIN) for place in (0, 2)]
    mean = np.mean([each.gates["gru"]["update"].mean for each in alone], axis=0)
    np.testing.assert_allclose(gating.gates["gru"]["update"].mean, mean)
    assert set(gating.gates) == set(gating.kept) == {"gru", "lstm"}
    assert [each.cell for each in gating.memory] == ["gru", "lstm", "gru"]
    assert all(1 <= each.least <= each.mean <= each.most <= 10 for each in gating.memory)


def test_a_member_without_gates_is_refused(make_forecaster, history):
    with pytest.raises(ModelInvalid, match="has no gates"):
        watch_gates([make_forecaster(cell="rnn")], history, ORIGIN)
