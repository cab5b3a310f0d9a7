import json
import math

import numpy as np
import pytest

from forecasting.language.scoring import TextScore, losses_of, score_of


def test_a_perfect_model_has_perplexity_one():
    logs = np.log(np.eye(3) + 0.0, where=np.eye(3) > 0, out=np.full((3, 3), -np.inf))

    score = score_of(losses_of(logs, np.array([0, 1, 2])))

    assert score.perplexity == 1.0
    assert score.bits_per_character == 0.0


def test_a_model_that_gives_the_target_nothing_has_infinite_perplexity_and_says_so():
    logs = np.array([[0.0, -np.inf]])

    score = score_of(losses_of(logs, np.array([1])))

    assert score.perplexity == math.inf
    assert json.loads(json.dumps(score.to_json(), allow_nan=False)) == {
        "characters": 1,
        "cross_entropy": "Infinity",
        "perplexity": "Infinity",
        "bits_per_character": "Infinity",
    }


def test_a_uniform_model_has_the_number_of_symbols():
    logs = np.full((10, 28), -np.log(28))

    assert score_of(losses_of(logs, np.arange(10))).perplexity == pytest.approx(28)


def test_a_perplexity_beyond_numbers_is_infinite_and_its_bits_are_not():
    score = TextScore(characters=1, cross_entropy=800.0)

    assert score.perplexity == math.inf
    assert score.to_json()["bits_per_character"] == pytest.approx(800 / math.log(2))
