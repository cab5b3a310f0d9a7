"""Ask members and regressions of one shape all at once: one operation where there were twelve.

In the served graph an operation's own cost is a microsecond, and a forecast's arithmetic is little
more: of twelve members asked one after the other, the cells took a third of the time.

Several histories may be asked at once, and each forecast is the same to the last bit as if it had
been asked alone. Three things broke that, and each is avoided where it did: products of one row
(`_times`), vectors with a rest (`calendar.VECTOR`), and sums along the last axis.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from forecasting.climate.linear import LinearForecaster, known_in
from forecasting.climate.model import ClimateForecaster
from forecasting.climate.outward import Outward
from forecasting.climate.regressors import OTHER_MEAN, TARGET_MEAN, LinearSpec

#: What a regression reads of a variable behind its steps: the recent mean, the whole history's,
#: and what it has lost.
EXTRA = 3

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


def said_by(
    members: Sequence[ClimateForecaster], starts: Tensor, history: Tensor, origin: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what each member says, as a blend takes it.

    Args:
        members: of one shape or of several.
        starts: (members, batch, horizon), what the members' own regressions say.
        history: (batch, history, variables), NaN for gaps.
        origin: (batch,) int64 seconds of the last history step.

    Returns:
        The medians (members, batch, horizon), and the quantiles less them (members, batch,
        horizon, levels), both in the target's unit.
    """
    # Both views read the same and differ by a mean: they are asked together.
    groups = alike([replace(member.spec, view="level") for member in members])
    said = [
        _forecast([members[place] for place in places], at(starts, places), history, origin)
        for places in groups
    ]
    medians, around = zip(*said, strict=True)
    return _in_order(groups, medians), _in_order(groups, around)


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
    """Return (models, batch, horizon): all models go through one regression's steps.

    What `LinearForecaster` says, in two thirds of the operations: sums are products with a few
    ones, and instead of looking regressors up and moving them, `_folded` weights everything that
    they are looked up in, with zeros for the rest. The steps are last, as in `_features`.
    """
    count, spec = len(models), models[0].spec
    steps, target = spec.window.history, spec.target
    waves = models[0].waves(origin).transpose(1, 2)  # (batch, waves, labels)
    usual = _stacked(models, "usual").transpose(1, 2).unsqueeze(1)
    course = usual[..., :1] + _cycles(usual[..., 1:], waves)  # (models, batch, variables, labels)
    before, ahead = course.split([steps, spec.window.horizon], dim=-1)
    known, history = known_in(history).transpose(1, 2), history.transpose(1, 2)
    anomaly = torch.where(known, history - before, 0.0)
    whole, near, some = _means(anomaly, known, steps)
    recent = torch.where(some, near, whole)
    recentred = torch.tensor([float(model.spec.recentred) for model in models])
    lost = whole * recentred.to(whole)[:, None, None, None]
    filled = torch.where(known, anomaly, recent)
    flat = torch.cat([filled, recent, whole, lost], dim=-1)
    flat = flat.reshape(count, -1, spec.variables * (steps + EXTRA))
    season, own = waves[..., steps - 1], target * (steps + EXTRA)
    ends = [own + steps - 1] * 2 + [own + steps + 2] * 2
    read = torch.cat(
        [flat, _for_each(count, season), flat[..., ends] * season[..., [0, 1, 0, 1]]], dim=-1
    )
    weights = torch.stack([_folded(model) for model in models]).to(flat)
    intercept = _stacked(models, "intercept").unsqueeze(1)
    said: Tensor = ahead[..., target, :] + _times(read, weights) + intercept
    return said


def _cycles(sizes: Tensor, waves: Tensor) -> Tensor:
    """Multiply (models, 1, variables, waves) by (batch, waves, labels), each row by itself."""
    if sizes.shape[2] > 1:
        return sizes @ waves
    # A lone row stands there twice, since it would be multiplied otherwise than several (`_times`).
    return (sizes.expand(-1, -1, 2, -1) @ waves)[:, :, :1]


def _means(anomaly: Tensor, known: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Average the known anomalies of all steps and of the last ones.

    Args:
        anomaly: (models, batch, variables, steps), 0 at a gap.
        known: (batch, variables, steps).
        steps: of the history.

    Returns:
        Both means, (models, batch, variables, 1), and whether any of the last is known.
    """
    lately = torch.ones(steps, 2)
    lately[:-OTHER_MEAN, 1] = 0
    # A constant: the graph would make it each time.
    lately = torch.from_numpy(lately.numpy()).to(anomaly)
    counts = known.to(anomaly.dtype) @ lately
    whole, near = ((anomaly @ lately) / counts.clamp(min=1)).split(1, dim=-1)
    return whole, near, counts[..., 1:] > 0


def _folded(model: LinearForecaster) -> Tensor:
    """Return the weights of all that `_regress` reads: (numbers, horizon).

    A regressor is a number of the history, or a mean, less what its variable has lost; a short
    mean is a share of each of its steps.
    """
    spec = replace(model.spec, recentred=False)
    steps, count, target = spec.window.history, spec.variables, spec.target
    weights = _widened(model, spec).cpu().numpy()
    table = np.zeros((count, steps + EXTRA, spec.window.horizon), np.float32)
    for place, weight in zip(spec.places, weights, strict=False):
        step, variable = divmod(place, count)
        if step < steps + 2:
            table[variable, step] += weight
        else:
            variable, days = target, min(TARGET_MEAN, steps)
            table[variable, steps - days : steps] += weight / days
        table[variable, steps + 2] -= weight
    # What the forecast is added to has lost nothing.
    table[target, steps + 2] += 1
    season, moving = weights[len(spec.places) : -2], weights[-2:]
    flat = table.reshape(-1, spec.window.horizon)
    return torch.from_numpy(np.concatenate([flat, season, moving, -moving]))


def _widened(model: LinearForecaster, spec: LinearSpec) -> Tensor:
    """Return a model's weights, 0 for the mean that it does not read: (width, horizon)."""
    weights = model.get_buffer("weights")
    if not model.spec.recentred:
        return weights
    before = len(spec.lags) + 1
    return torch.cat([weights[:before], torch.zeros_like(weights[:1]), weights[before:]])


def _forecast(
    members: Sequence[ClimateForecaster], start: Tensor, history: Tensor, origin: Tensor
) -> tuple[Tensor, Tensor]:
    """Return as `said_by`; only the cells are asked one after the other."""
    spec, count = members[0].spec, len(members)
    steps = spec.window.history
    waves = members[0].waves(origin).transpose(1, 2)  # (batch, waves, labels)
    scaled, features = _features(members, history, waves)
    # Cells read step by step: what they read is laid out so once, and not once a member.
    rows = features.permute(0, 3, 1, 2).reshape(count * steps, -1, spec.features)
    before = members[0].core.start(history.shape[0])
    each = rows.split(steps) if count > 1 else (rows,)
    last = [member.core.after(own, before) for member, own in zip(members, each, strict=True)]
    ahead = _for_each(count, waves[:, :, steps:].transpose(1, 2).flatten(1))
    seen = torch.cat([_joined(last), ahead, scaled[..., -1]], dim=-1)
    hidden = functional.silu(_linear([member.hidden for member in members], seen))
    outward = Outward(spec.levels, spec.window.horizon)
    raw = _linear([member.out for member in members], hidden, outward.order)
    spread = _stacked(members, "spread")[:, None, :]
    moved, around = outward.build(raw, count)
    return start + moved * spread, around * (spread.unsqueeze(-1) * outward.signs)


def _features(
    members: Sequence[ClimateForecaster], history: Tensor, waves: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what each member's core reads: (members, batch, features, steps), no gaps left.

    Before it, its first part: how far each variable is from what is usual.

    The steps are last, in the waves (batch, waves, steps) as well: the runtime repeats a number
    along sixty steps at once, and along five variables one by one.
    """
    spec, count = members[0].spec, len(members)
    steps = spec.window.history
    climate = _stacked(members, "usual")[:, None, :, None]  # (members, 1, 1 + waves, 1)
    usual = climate[:, :, :1] + (waves * climate[:, :, 1:]).sum(dim=2, keepdim=True)
    own = torch.arange(spec.variables, device=history.device) == spec.target
    mean = _stacked(members, "mean")[:, None, :, None]
    usual_of_all = torch.where(own[:, None], usual[..., :steps], mean)
    # The regressions ask the same before they turn it.
    known, history = known_in(history).transpose(1, 2), history.transpose(1, 2)
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
    return scaled, torch.cat(parts, dim=2)


def _linear(
    layers: Sequence[nn.Module], inputs: Tensor, order: Sequence[int] | None = None
) -> Tensor:
    """Apply each member's layer to its rows: (members, batch, inputs) in, outputs out.

    `order` says which of the layer's outputs are wanted, one after the other; all when None.
    """
    weight = torch.stack([cast("nn.Linear", layer).weight for layer in layers])
    bias = torch.stack([cast("nn.Linear", layer).bias for layer in layers])
    if order is not None:
        weight, bias = weight[:, order], bias[:, order]
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
