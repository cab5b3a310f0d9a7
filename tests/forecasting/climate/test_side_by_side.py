"""Members and regressions asked together say what each says when it is asked alone."""

import numpy as np
import pytest
import torch

from forecasting.climate.side_by_side import quantiles_of, regressions_of

BATCH = 5


@pytest.fixture
def question():
    """Histories with gaps, one of them nothing but gaps, and their origins."""
    rng = np.random.default_rng(4)
    history = rng.normal(12, 6, (BATCH, 10, 2)).astype(np.float32)
    history[rng.random(history.shape) < 0.3] = np.nan
    history[2] = np.nan
    origin = np.arange(BATCH, dtype=np.int64) * 86_400 * 100
    return torch.from_numpy(history), torch.from_numpy(origin)


@pytest.fixture
def members(make_forecaster):
    """Members of several shapes, whose weights and statistics are all of their own."""
    shapes = [
        {"cell": "lstm", "view": "level"},
        {"cell": "gru"},
        {"cell": "lstm", "view": "level"},
        {"cell": "gru", "differences": True},
        {"cell": "gru"},
        {"cell": "gru", "differences": True},
        {"cell": "gru", "view": "level", "statics": 3},
        {"cell": "gru", "view": "level", "statics": 3},
    ]
    made = [make_forecaster(seed=seed, scale=0.3, **shape) for seed, shape in enumerate(shapes)]
    generator = torch.Generator().manual_seed(1)
    for member in made:
        for name, numbers in [*member.named_buffers()]:
            if "offsets" not in name:
                # Above zero: deviations and spreads are divided by, and multiplied with.
                numbers.copy_(torch.rand(numbers.shape, generator=generator) + 0.5)
    return made


def test_members_asked_together_say_what_each_says_alone(members, question):
    with torch.no_grad():
        alone = [member(*question) for member in members]
        starts = regressions_of([member.linear for member in members], *question)
        together = quantiles_of(members, starts, *question)

    assert len({member.spec for member in members}) == 4
    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_regressions_asked_together_say_what_each_says_alone(members, question):
    regressions = [member.linear for member in members]
    with torch.no_grad():
        alone = [regression(*question) for regression in regressions]
        together = regressions_of(regressions, *question)

    for one, other in zip(together, alone, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


def test_gradients_reach_every_weight_through_members_asked_together(members, question):
    starts = regressions_of([member.linear for member in members], *question)

    sum(each.sum() for each in quantiles_of(members, starts, *question)).backward()

    for member in members:
        for name, weight in member.named_parameters():
            if weight.requires_grad:
                assert weight.grad is not None, name


def test_one_member_s_weights_change_no_other_s_forecast(members, question):
    with torch.no_grad():
        starts = regressions_of([member.linear for member in members], *question)
        before = quantiles_of(members, starts, *question)
        members[1].out.bias += 1.0
        after = quantiles_of(members, starts, *question)

    same = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
    assert same == [place != 1 for place in range(len(members))]
