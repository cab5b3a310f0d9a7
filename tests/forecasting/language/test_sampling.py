import numpy as np
import pytest

from forecasting.language.sampling import (
    DRAWN,
    SamplingInvalid,
    SamplingSpec,
    keep_likeliest,
    keep_nucleus,
    sampler,
    tempered,
)

LOGS = np.log(np.array([0.5, 0.2, 0.15, 0.1, 0.05], np.float32))


def drawn(spec, count=4_000, logs=LOGS):
    draw = sampler(spec)
    return np.bincount([draw(logs) for _ in range(count)], minlength=len(logs)) / count


def test_temperature_zero_takes_the_likeliest_known_symbol():
    assert drawn(SamplingSpec(temperature=0), 10).tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize("temperature", [1e-9, 5e-324, 1e-300])
def test_a_temperature_near_zero_does_as_zero(temperature):
    assert drawn(SamplingSpec(temperature=temperature), 10).tolist() == [0, 1, 0, 0, 0]


def test_draws_follow_the_probabilities_and_never_give_the_unknown_symbol():
    shares = drawn(SamplingSpec())

    assert shares[0] == 0
    assert shares[1:] == pytest.approx([0.4, 0.3, 0.2, 0.1], abs=0.03)


def test_a_high_temperature_levels_the_probabilities():
    assert drawn(SamplingSpec(temperature=1e6))[1:] == pytest.approx([0.25] * 4, abs=0.03)


def test_top_k_keeps_the_likeliest_and_top_p_the_nucleus():
    assert drawn(SamplingSpec(top_k=1), 10)[1] == 1
    assert (drawn(SamplingSpec(top_k=2)) > 0).tolist() == [False, True, True, False, False]
    assert (drawn(SamplingSpec(top_p=0.6)) > 0).tolist() == [False, True, True, False, False]


def test_keeping_more_than_there_is_keeps_everything():
    weights = np.array([3.0, 1.0, 2.0])

    assert keep_likeliest(weights, 5).tolist() == weights.tolist()
    assert keep_nucleus(weights, 1.0).tolist() == weights.tolist()
    assert keep_nucleus(weights, 1e-9).tolist() == [3.0, 0.0, 0.0]


def test_the_same_seed_draws_the_same_beyond_one_batch_of_numbers():
    first, second, other = (sampler(SamplingSpec(seed=seed)) for seed in (3, 3, 4))

    ours = [first(LOGS) for _ in range(DRAWN + 10)]
    assert ours == [second(LOGS) for _ in range(DRAWN + 10)]
    assert ours != [other(LOGS) for _ in range(DRAWN + 10)]


def test_equal_logits_are_no_division_of_zero_by_zero():
    assert tempered(np.zeros(3, np.float32), 5e-324).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "words",
    [
        {"temperature": float("nan")},
        {"temperature": -1.0},
        {"temperature": float("inf")},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"top_p": float("nan")},
    ],
)
def test_a_way_of_drawing_that_does_not_exist_is_refused(words):
    with pytest.raises(SamplingInvalid, match="no such"):
        SamplingSpec(**words)
