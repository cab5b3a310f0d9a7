"""Ask members and regressions of one shape all at once: one operation where there were twelve.

In the served graph an operation's own cost is a microsecond, and a forecast's arithmetic is little
more: of twelve members asked one after the other, the cells took a third of the time.

Several histories may be asked at once, and each forecast is the same to the last bit as if it had
been asked alone. Three things would break that, and each is avoided where it would stand: products
of one row (`_times`), vectors with a rest (`calendar.VECTOR`), and sums along the last axis.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from forecasting.climate.linear import LinearForecaster, known_in, regressors_after
from forecasting.climate.model import ClimateForecaster
from forecasting.climate.regressors import LinearSpec

Model = TypeVar("Model", ClimateForecaster, LinearForecaster)


def regressions_of(models: Sequence[LinearForecaster], history: Tensor, origin: Tensor) -> Tensor:
    """Return what each regression says: (regressions, batch, horizon).

    Args:
        models: regressions, of one shape or of several.
        history: (batch, history, variables), NaN for gaps.
        origin: (batch,) int64 seconds of the last history step.
    """
    # What is recentred reads the same less one mean: both kinds are asked together.
    groups = alike([replace(model.spec, recentred=False) for model in models])
    said = [_regress([models[place] for place in places], history, origin) for places in groups]
    return _in_order(groups, said)


def quantiles_of(
    members: Sequence[ClimateForecaster], starts: Tensor, history: Tensor, origin: Tensor
) -> Tensor:
    """Return what each member says: (members, batch, horizon, levels).

    Args:
        members: of one shape or of several.
        starts: (members, batch, horizon), what the members' own regressions say.
        history: (batch, history, variables), NaN for gaps.
        origin: (batch,) int64 seconds of the last history step.
    """
    # Both views read the same and differ by a mean: they are asked together.
    groups = alike([replace(member.spec, view="level") for member in members])
    said = [
        _forecast([members[place] for place in places], at(starts, places), history, origin)
        for places in groups
    ]
    return _in_order(groups, said)


def alike(specs: Sequence[Hashable]) -> list[list[int]]:
    """Return the places of equal things together, in the order of their first.

    >>> alike(["a", "b", "a"])
    [[0, 2], [1]]
    """
    return [
        [place for place, each in enumerate(specs) if each == spec] for spec in dict.fromkeys(specs)
    ]


def _in_order(groups: Sequence[Sequence[int]], said: Sequence[Tensor]) -> Tensor:
    """Join what the groups said, each in the order of its places, in the order of all places."""
    order = [place for places in groups for place in places]
    return at(_joined(said), [order.index(place) for place in range(len(order))])


def at(numbers: Tensor, places: Sequence[int]) -> Tensor:
    """Return what stands at some places of the first axis; all of it in order is no operation."""
    whole = list(places) == list(range(len(numbers)))
    return numbers if whole else numbers[list(places)]


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """Join along the first axis; of one part, an operation would be left in the graph."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _for_each(count: int, numbers: Tensor) -> Tensor:
    """Return the same numbers once for each model: (models, ...).

    `repeat` is two operations in the graph, and this is one.
    """
    if count == 1:
        return numbers.unsqueeze(0)
    return numbers + torch.zeros(count, *[1] * numbers.dim(), device=numbers.device)


def _regress(models: Sequence[LinearForecaster], history: Tensor, origin: Tensor) -> Tensor:
    """Return (models, batch, horizon): all models go through one regression's steps."""
    count, first = len(models), models[0]
    spec = replace(first.spec, recentred=False)
    usual, waves = _stacked(models, "usual"), first.waves(origin)
    course = usual[:, None, :1] + waves @ usual[:, None, 1:]  # (models, batch, steps, variables)
    season = _for_each(count, waves[:, spec.window.history - 1])
    recentred = torch.tensor(
        [float(model.spec.recentred) for model in models], device=history.device
    )
    each, anchor = regressors_after(spec, history, season, course, recentred[:, None, None])
    weights = torch.stack([_widened(model, spec) for model in models])
    return anchor + _times(each, weights) + _stacked(models, "intercept").unsqueeze(1)


def _widened(model: LinearForecaster, spec: LinearSpec) -> Tensor:
    """Return a model's weights, 0 for the mean that it does not read: (width, horizon)."""
    weights = model.get_buffer("weights")
    if not model.spec.recentred:
        return weights
    before = len(spec.lags) + 1
    return torch.cat([weights[:before], torch.zeros_like(weights[:1]), weights[before:]])


def _forecast(
    members: Sequence[ClimateForecaster], start: Tensor, history: Tensor, origin: Tensor
) -> Tensor:
    """Return (members, batch, horizon, levels); only the cells are asked one after the other."""
    spec, count = members[0].spec, len(members)
    steps = spec.window.history
    waves = members[0].waves(origin).transpose(1, 2)  # (batch, waves, labels)
    features = _features(members, history.transpose(1, 2), waves)
    # Cells read step by step: what they read is laid out so once, and not once a member.
    rows = features.permute(0, 3, 1, 2).reshape(count * steps, -1, spec.features)
    before = members[0].core.start(history.shape[0])
    each = rows.split(steps) if count > 1 else (rows,)
    last = [member.core.after(own, before) for member, own in zip(members, each, strict=True)]
    ahead = _for_each(count, waves[:, :, steps:].transpose(1, 2).flatten(1))
    seen = torch.cat([_joined(last), ahead, features[:, :, : spec.variables, -1]], dim=-1)
    hidden = functional.silu(_linear([member.hidden for member in members], seen))
    raw = _linear([member.out for member in members], hidden)
    spread = _stacked(members, "spread")[:, None, :, None]
    return start.unsqueeze(-1) + members[0].ascending(raw, count, -1) * spread


def _features(members: Sequence[ClimateForecaster], history: Tensor, waves: Tensor) -> Tensor:
    """Return what each member's core reads: (members, batch, features, steps), no gaps left.

    The steps are last, in the history (batch, variables, steps) and in the waves as well: the
    runtime repeats a number along sixty steps at once, and along five variables one by one.
    """
    spec, count = members[0].spec, len(members)
    steps = spec.window.history
    climate = _stacked(members, "usual")[:, None, :, None]  # (members, 1, 1 + waves, 1)
    usual = climate[:, :, :1] + (waves * climate[:, :, 1:]).sum(dim=2, keepdim=True)
    own = torch.arange(spec.variables, device=history.device) == spec.target
    mean = _stacked(members, "mean")[:, None, :, None]
    usual_of_all = torch.where(own[:, None], usual[..., :steps], mean)
    known = known_in(history)
    moved = torch.where(known, history - usual_of_all, 0.0)
    scaled = moved / _stacked(members, "deviation")[:, None, :, None]
    mask = known.to(scaled.dtype)
    departing = torch.tensor([member.spec.view == "departure" for member in members])
    if departing.any():
        mean = scaled.sum(dim=3, keepdim=True) / mask.sum(dim=2, keepdim=True).clamp(min=1)
        own_mean = mean * departing.to(mean)[:, None, None, None]
        scaled = torch.where(known, scaled - own_mean, 0.0)
    parts = [scaled, _for_each(count, mask)]
    if spec.differences:
        both = mask[..., 1:] * mask[..., :-1]
        parts.append(functional.pad((scaled[..., 1:] - scaled[..., :-1]) * both, (1, 0)))
    parts.append(_for_each(count, waves[:, :, :steps]))
    if spec.statics:
        statics = _stacked(members, "statics")[:, None, :, None]
        parts.append(statics + torch.zeros_like(scaled[:, :, :1]))
    return torch.cat(parts, dim=2)


def _linear(layers: Sequence[nn.Module], inputs: Tensor) -> Tensor:
    """Apply each member's layer to its rows: (members, batch, inputs) in, outputs out."""
    weight = torch.stack([cast("nn.Linear", layer).weight for layer in layers])
    bias = torch.stack([cast("nn.Linear", layer).bias for layer in layers])
    return _times(inputs, weight.transpose(1, 2)) + bias.unsqueeze(1)


def _times(rows: Tensor, weights: Tensor) -> Tensor:
    """Multiply (models, batch, inputs) by (models, inputs, outputs): (models, batch, outputs).

    Row by row: a runtime multiplies one row by other instructions than several, in another order.
    Only a lone matrix is laid out beforehand, and multiplied alike by any number of rows.
    """
    if len(weights) == 1:
        return rows @ weights[0]
    return (rows.unsqueeze(2) @ weights.unsqueeze(1)).squeeze(2)


def _stacked(models: Sequence[Model], name: str) -> Tensor:
    """Return a buffer of every model, the models first."""
    return torch.stack([model.get_buffer(name) for model in models])
