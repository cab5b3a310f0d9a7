"""Ask members and regressions of one shape all at once: one operation where there were twelve.

In the served graph an operation's own cost is a microsecond, and a forecast's arithmetic is little
more: of twelve members asked one after the other, the cells took a third of the time.
"""

from collections.abc import Hashable, Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecasting.climate.linear import LinearForecaster
from forecasting.climate.model import ClimateForecaster, differences_of

Model = TypeVar("Model", ClimateForecaster, LinearForecaster)


def regressions_of(
    models: Sequence[LinearForecaster], history: Tensor, origin: Tensor
) -> list[Tensor]:
    """Return what each regression says: (batch, horizon) each.

    Args:
        models: regressions, of one shape or of several.
        history: (batch, history, variables), NaN for gaps.
        origin: (batch,) int64 seconds of the last history step.
    """
    said: dict[int, Tensor] = {}
    for places in alike([model.spec for model in models]):
        together = _regress([models[place] for place in places], history, origin)
        said |= zip(places, together.unbind(), strict=True)
    return [said[place] for place in range(len(models))]


def quantiles_of(
    members: Sequence[ClimateForecaster], starts: Sequence[Tensor], history: Tensor, origin: Tensor
) -> list[Tensor]:
    """Return what each member says: (batch, horizon, levels) each.

    Args:
        members: of one shape or of several.
        starts: (batch, horizon) each, what the members' own regressions say.
        history: (batch, history, variables), NaN for gaps.
        origin: (batch,) int64 seconds of the last history step.
    """
    said: dict[int, Tensor] = {}
    for places in alike([member.spec for member in members]):
        start = torch.stack([starts[place] for place in places])
        together = _forecast([members[place] for place in places], start, history, origin)
        said |= zip(places, together.unbind(), strict=True)
    return [said[place] for place in range(len(members))]


def alike(specs: Sequence[Hashable]) -> list[list[int]]:
    """Return the places of equal things together, in the order of their first.

    >>> alike(["a", "b", "a"])
    [[0, 2], [1]]
    """
    return [
        [place for place, each in enumerate(specs) if each == spec] for spec in dict.fromkeys(specs)
    ]


def _regress(models: Sequence[LinearForecaster], history: Tensor, origin: Tensor) -> Tensor:
    """Return (models, batch, horizon): all rows of all models go through one regression's steps."""
    count, first = len(models), models[0]
    usual, weights = _stacked(models, "usual"), _stacked(models, "weights")
    waves = first.waves(origin)
    course = usual[:, None, :1] + waves @ usual[:, None, 1:]  # (models, batch, steps, variables)
    regressors, anchor = first.regressors_after(
        history.repeat(count, 1, 1), waves.repeat(count, 1, 1), course.flatten(0, 1)
    )
    each = regressors.view(count, -1, regressors.shape[1])
    anchors = anchor.view(count, -1, first.spec.window.horizon)
    return anchors + each @ weights + _stacked(models, "intercept").unsqueeze(1)


def _forecast(
    members: Sequence[ClimateForecaster], start: Tensor, history: Tensor, origin: Tensor
) -> Tensor:
    """Return (members, batch, horizon, levels); only the cells are asked one after the other."""
    spec, count = members[0].spec, len(members)
    steps, horizon = spec.window.history, spec.window.horizon
    waves = members[0].waves(origin)
    features = _features(members, history, waves)  # (members, batch, history, features)
    last = [member.core(own)[0][:, -1] for member, own in zip(members, features, strict=True)]
    ahead = waves[:, steps:].flatten(1).repeat(count, 1, 1)
    seen = torch.cat([torch.stack(last), ahead, features[:, :, -1, : spec.variables]], dim=-1)
    hidden = functional.silu(_linear([member.hidden for member in members], seen))
    raw = _linear([member.out for member in members], hidden)
    raw = raw.view(count, -1, horizon, len(spec.levels))
    spread = _stacked(members, "spread")[:, None, :, None]
    return start.unsqueeze(-1) + members[0].ascending(raw) * spread


def _features(members: Sequence[ClimateForecaster], history: Tensor, waves: Tensor) -> Tensor:
    """Return what each member's core reads: (members, batch, history, features), no gaps left."""
    spec, count = members[0].spec, len(members)
    steps = spec.window.history
    climate = _stacked(members, "usual")[:, None, None]  # (members, 1, 1, 1 + waves)
    usual = climate[..., 0] + (waves * climate[..., 1:]).sum(dim=-1)  # (members, batch, labels)
    own = torch.arange(spec.variables, device=history.device) == spec.target
    mean = _stacked(members, "mean")[:, None, None]
    usual_of_all = torch.where(own, usual[:, :, :steps].unsqueeze(-1), mean)
    known = torch.isfinite(history)
    moved = torch.where(known, history - usual_of_all, 0.0)
    scaled = moved / _stacked(members, "deviation")[:, None, None]
    mask = known.to(scaled.dtype)
    if spec.view == "departure":
        count_known = mask.sum(dim=1, keepdim=True).clamp(min=1)
        scaled = torch.where(known, scaled - scaled.sum(dim=2, keepdim=True) / count_known, 0.0)
    parts = [scaled, mask.repeat(count, 1, 1, 1)]
    if spec.differences:
        rows = scaled.flatten(0, 1)
        parts.append(differences_of(rows, mask.repeat(count, 1, 1)).view_as(scaled))
    parts.append(waves[:, :steps].repeat(count, 1, 1, 1))
    if spec.statics:
        statics = _stacked(members, "statics")[:, None, None]
        parts.append(statics + torch.zeros_like(scaled[..., :1]))
    return torch.cat(parts, dim=-1)


def _linear(layers: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    """Apply each member's layer to its rows: (members, batch, inputs) in, outputs out."""
    weight = torch.stack([cast("nn.Linear", layer).weight for layer in layers])
    bias = torch.stack([cast("nn.Linear", layer).bias for layer in layers])
    return inputs @ weight.transpose(1, 2) + bias.unsqueeze(1)


def _stacked(models: Sequence[Model], name: str) -> Tensor:
    """Return a buffer of every model, the models first."""
    return torch.stack([model.get_buffer(name) for model in models])
