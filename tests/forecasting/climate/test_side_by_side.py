"""Members and regressions asked together say what each says when it is asked alone."""

import numpy as np
import pytest
import torch

from forecasting.climate.linear import LinearForecaster
from forecasting.climate.outward import Outward
from forecasting.climate.regressors import LinearSpec
from forecasting.climate.side_by_side import regressions_of, said_by
from forecasting.climate.windows import WindowSpec

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


def quantiles_of(members, starts, question):
    """Return (members, batch, horizon, levels)."""
    medians, around = said_by(members, starts, *question)
    return medians.unsqueeze(-1) + around


def test_members_asked_together_say_what_each_says_alone(members, question):
    with torch.no_grad():
        alone = [member(*question) for member in members]
        starts = regressions_of([member.linear for member in members], *question)
        together = quantiles_of(members, starts, question)

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


@pytest.mark.parametrize(
    ("variables", "history", "horizon", "step_seconds"),
    [(5, 60, 7, 86_400), (1, 5, 2, 86_400), (3, 72, 48, 3600)],
)
def test_regressions_of_any_shape_say_together_what_each_says_alone(
    variables, history, horizon, step_seconds
):
    window = WindowSpec(history=history, horizon=horizon)
    generator = torch.Generator().manual_seed(2)
    regressions = []
    for recentred in (False, True, False):
        spec = LinearSpec(
            variables=variables, target=variables - 1, window=window,
            step_seconds=step_seconds, recentred=recentred,
        )  # fmt: skip
        regressions.append(LinearForecaster(spec))
        for name, numbers in regressions[-1].named_buffers():
            if name != "offsets":
                numbers.copy_(torch.randn(numbers.shape, generator=generator))
    values = torch.randn(BATCH, history, variables, generator=generator) * 5 + 12
    values[torch.rand(values.shape, generator=generator) < 0.3] = torch.nan
    values[1, -8:] = torch.nan
    values[2] = torch.nan
    origin = torch.arange(BATCH) * 86_400 * 100

    with torch.no_grad():
        together = regressions_of(regressions, values, origin)
        alone = torch.stack([regression(values, origin) for regression in regressions])

    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-5)


def test_gradients_reach_every_weight_through_members_asked_together(members, question):
    starts = regressions_of([member.linear for member in members], *question)

    sum(each.sum() for each in quantiles_of(members, starts, question)).backward()

    for member in members:
        for name, weight in member.named_parameters():
            if weight.requires_grad:
                assert weight.grad is not None, name


def test_one_member_s_weights_change_no_other_s_forecast(members, question):
    with torch.no_grad():
        starts = regressions_of([member.linear for member in members], *question)
        before = quantiles_of(members, starts, question)
        members[1].out.bias += 1.0
        after = quantiles_of(members, starts, question)

    same = [torch.equal(one, other) for one, other in zip(before, after, strict=True)]
    assert same == [place != 1 for place in range(len(members))]


@pytest.mark.parametrize(
    "levels", [(0.1, 0.5, 0.9), (0.05, 0.1, 0.5), (0.5, 0.6, 0.7, 0.8), (0.5,)]
)
def test_quantiles_built_outward_are_the_member_s_own(make_forecaster, levels):
    member = make_forecaster(levels=levels)
    outward = Outward(levels, member.spec.window.horizon)
    raw = torch.randn(2, 3, len(levels) * member.spec.window.horizon)

    moved, around = outward.build(raw[..., outward.order], 2)

    found = moved.unsqueeze(-1) + around * outward.signs
    torch.testing.assert_close(found, member.ascending(raw, 2, -1))
