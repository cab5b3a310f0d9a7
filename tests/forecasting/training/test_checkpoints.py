import shutil

import pytest

from forecasting.errors import CheckpointCorrupt
from forecasting.training.checkpoints import KEPT, load
from forecasting.training.loop import train


class Killed(BaseException):
    """Stands for a kill at a place of the test's choosing; the real ones are in test_kills."""


def cut_off(task, spec, folder, *, after):
    """Train until an epoch's checkpoint is written, then stop as if killed."""

    def kill(epoch):
        if epoch.epoch == after:
            raise Killed

    with pytest.raises(Killed):
        train(task, spec, checkpoints=folder, watch=kill)
    return sorted(folder.iterdir())


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


@pytest.fixture
def unbroken(make_task, spec_of):
    task = make_task()
    train(task, spec_of())
    return task.weights


def test_a_training_that_was_cut_off_ends_with_the_same_weights(
    make_task, spec_of, tmp_path, unbroken, assert_same_weights
):
    cut_off(make_task(), spec_of(), tmp_path, after=2)
    task = make_task()

    fit = train(task, spec_of(), checkpoints=tmp_path)

    assert fit.resumed_from == 2
    assert [epoch.epoch for epoch in fit.history] == [1, 2, 3, 4]
    assert_same_weights(task.weights, unbroken)


@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_every_optimiser_is_resumed(make_task, spec_of, tmp_path, assert_same_weights, optimiser):
    spec = spec_of(optimiser=optimiser, schedule="cosine", warmup=0.2)
    whole, broken = make_task(), make_task()
    train(whole, spec)
    cut_off(make_task(), spec, tmp_path, after=1)

    train(broken, spec, checkpoints=tmp_path)

    assert_same_weights(broken.weights, whole.weights)


@pytest.mark.parametrize("damage", [flip, truncate, empty])
def test_a_damaged_checkpoint_is_stepped_over_to_the_one_before(
    make_task, spec_of, tmp_path, unbroken, assert_same_weights, damage
):
    newest = cut_off(make_task(), spec_of(), tmp_path, after=3)[-1]
    damage(newest)
    task = make_task()

    fit = train(task, spec_of(), checkpoints=tmp_path)

    assert fit.resumed_from == 2
    assert_same_weights(task.weights, unbroken)


@pytest.mark.parametrize("damage", [flip, truncate, empty])
def test_a_damaged_checkpoint_is_refused_with_both_sums(make_task, spec_of, tmp_path, damage):
    path = cut_off(make_task(), spec_of(), tmp_path, after=1)[-1]
    assert load(path).epoch == 1

    damage(path)

    with pytest.raises(CheckpointCorrupt, match=r"damaged; expected \w{16}; found \w{16}"):
        load(path)


def test_training_starts_anew_where_no_checkpoint_is_whole(
    make_task, spec_of, tmp_path, unbroken, assert_same_weights
):
    for path in cut_off(make_task(), spec_of(), tmp_path, after=3):
        truncate(path)
    task = make_task()

    fit = train(task, spec_of(), checkpoints=tmp_path)

    assert fit.resumed_from == 0
    assert_same_weights(task.weights, unbroken)


def test_a_checkpoint_of_another_spec_is_not_resumed(make_task, spec_of, tmp_path):
    cut_off(make_task(), spec_of(seed=4), tmp_path, after=3)

    assert train(make_task(), spec_of(seed=3), checkpoints=tmp_path).resumed_from == 0


def test_a_training_that_was_finished_is_not_done_again(
    make_task, spec_of, tmp_path, unbroken, assert_same_weights
):
    train(make_task(), spec_of(), checkpoints=tmp_path)
    task = make_task()

    fit = train(task, spec_of(), checkpoints=tmp_path)

    assert task.passes == 0
    assert fit.resumed_from == 4
    assert_same_weights(task.weights, unbroken)


def test_a_training_that_diverged_stays_so_with_its_best_epoch(
    make_task, spec_of, tmp_path, assert_same_weights
):
    first, second = make_task(), make_task()
    first.spoil = {3: float("nan")}
    train(first, spec_of(), checkpoints=tmp_path)

    fit = train(second, spec_of(), checkpoints=tmp_path)

    assert fit.diverged
    assert len(fit.history) == 2
    assert_same_weights(second.weights, first.weights)


def test_only_the_newest_and_the_one_before_are_kept(make_task, spec_of, tmp_path):
    train(make_task(), spec_of(), checkpoints=tmp_path)

    names = sorted(path.name for path in tmp_path.iterdir())

    assert [name[:12] for name in names] == ["epoch-000003", "epoch-000004"]
    assert len(names) == KEPT


def test_a_checkpoint_holds_tensors_and_json_only(make_task, spec_of, tmp_path):
    path = cut_off(make_task(), spec_of(), tmp_path, after=1)[-1]
    copy = shutil.copy(path, tmp_path / "read.bin")

    content = copy.read_bytes()

    assert content[8:9] == b"{"
    assert b"torch" in content
    assert b"PK\x03\x04" not in content[:4]
