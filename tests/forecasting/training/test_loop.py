import math

import pytest
import torch

from forecasting.errors import Diverged
from forecasting.training.loop import learning_rate, make_optimiser, train


def test_training_lessens_the_error(make_task, spec_of):
    task = make_task()
    before = task.score()

    fit = train(task, spec_of(epochs=20))

    assert fit.best_score < before / 2
    assert len(fit.history) == 20
    assert not fit.diverged


def test_the_same_seed_gives_the_same_weights_and_metrics(make_task, spec_of, assert_same_weights):
    one, other = make_task(), make_task()

    first, second = train(one, spec_of(seed=3)), train(other, spec_of(seed=3))

    assert_same_weights(one.weights, other.weights)
    assert [(epoch.loss, epoch.score, epoch.norm) for epoch in first.history] == [
        (epoch.loss, epoch.score, epoch.norm) for epoch in second.history
    ]


def test_another_seed_gives_other_weights(make_task, spec_of):
    one, other = make_task(), make_task()

    train(one, spec_of(seed=3))
    train(other, spec_of(seed=4))

    assert not torch.equal(one.weights["0.weight"], other.weights["0.weight"])


def test_training_leaves_the_processs_own_random_state_alone(make_task, spec_of):
    torch.manual_seed(11)
    before = torch.get_rng_state()

    train(make_task(), spec_of())

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("spoilt", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_before_the_first_epoch_is_refused(make_task, spec_of, spoilt):
    task = make_task()
    task.spoil = {1: spoilt}
    task.scores = [1.0] * 4  # the score alone would not show it

    with pytest.raises(Diverged, match=r"expected a finite loss.*learning rate 0\.01"):
        train(task, spec_of())


def test_a_score_that_is_not_finite_in_the_first_epoch_is_refused(make_task, spec_of):
    task = make_task()
    task.scores = [math.nan]

    with pytest.raises(Diverged):
        train(task, spec_of())


@pytest.mark.parametrize("spoilt", [math.nan, math.inf])
def test_after_a_whole_epoch_the_best_one_is_kept(make_task, spec_of, assert_same_weights, spoilt):
    sound, spoiling = make_task(), make_task()
    train(sound, spec_of(epochs=2))
    spoiling.spoil = {3: spoilt}
    spoiling.scores = [2.0, 1.0, 0.5, 0.5]

    fit = train(spoiling, spec_of(epochs=4))

    assert fit.diverged
    assert len(fit.history) == 2
    assert_same_weights(spoiling.weights, sound.weights)
    assert all(torch.isfinite(weight).all() for weight in spoiling.weights.values())


def test_the_best_epochs_weights_are_kept_not_the_lasts(make_task, spec_of, assert_same_weights):
    short, long = make_task(), make_task()
    long.scores = [3.0, 1.0, 2.0, 2.0]

    train(short, spec_of(epochs=2))
    fit = train(long, spec_of(epochs=4))

    assert (fit.best_epoch, fit.best_score) == (2, 1.0)
    assert_same_weights(long.weights, short.weights)


def test_the_last_epochs_weights_are_kept_where_asked_for(make_task, spec_of):
    task = make_task()
    task.scores = [3.0, 1.0, 2.0, 2.5]

    fit = train(task, spec_of(keep="last"))

    assert (fit.best_epoch, fit.best_score) == (4, 2.5)


def test_patience_ends_training_early(make_task, spec_of):
    task = make_task()
    task.scores = [3.0, 1.0, 2.0, 2.0, 0.5, 0.5]

    fit = train(task, spec_of(epochs=6, patience=2))

    assert len(fit.history) == 4
    assert fit.best_epoch == 2


def test_gradients_are_clipped_and_both_norms_are_told(make_task, spec_of):
    fit = train(make_task(), spec_of(clip_norm=0.1))

    for epoch in fit.history:
        assert epoch.largest_norm >= epoch.norm > epoch.clipped_norm
        assert epoch.clipped_norm == pytest.approx(0.1)


def test_clipping_bounds_the_step(make_task, spec_of):
    free, clipped = make_task(), make_task()
    start = free.weights["0.weight"]
    rate, norm = 1e-2, 1e-3

    train(free, spec_of(epochs=1, optimiser="sgd", clip_norm=math.inf))
    train(clipped, spec_of(epochs=1, optimiser="sgd", clip_norm=norm))

    moved = (clipped.weights["0.weight"] - start).norm()
    assert moved <= 4 * rate * norm * 1.01
    assert (free.weights["0.weight"] - start).norm() > moved


def test_the_rate_rises_in_the_warm_up_and_falls_to_a_hundredth(spec_of):
    spec = spec_of(schedule="cosine", warmup=0.1)

    assert learning_rate(spec, 0.0) == pytest.approx(0.05e-2)
    assert learning_rate(spec, 0.1) == pytest.approx(1e-2)
    assert learning_rate(spec, 0.5) < learning_rate(spec, 0.2)
    assert learning_rate(spec, 1.0) == pytest.approx(1e-4)
    assert learning_rate(spec_of(), 0.7) == 1e-2


def test_what_a_batch_carries_reaches_the_next_of_its_epoch_only(make_task, spec_of):
    task = make_task()

    train(task, spec_of(epochs=2))

    assert task.carried == [None, 1, 2, 3] * 2


def test_each_epoch_is_shown_to_the_watcher(make_task, spec_of):
    seen = []

    fit = train(make_task(), spec_of(), watch=seen.append)

    assert tuple(seen) == fit.history


def test_weights_that_are_frozen_are_not_given_to_the_optimiser(make_task, spec_of):
    model = make_task().model
    model[0].bias.requires_grad = False

    for optimiser in ("adamw", "adam", "sgd"):
        built = make_optimiser(spec_of(optimiser=optimiser), model)
        assert len(built.param_groups[0]["params"]) == 3
