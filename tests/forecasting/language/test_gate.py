import json
from dataclasses import replace

import numpy as np
import pytest

from forecasting.language.gate import Duel, Evidence, judge
from forecasting.language.scoring import TextScore
from forecasting.language.selftest import SelfTest
from forecasting.language.significance import Comparison

SOUND = SelfTest(
    finite=True, repeats=True, batch_difference=1e-6, halves_difference=1e-6, sum_difference=1e-7
)
BETTER = Comparison(
    difference=-0.2, low=-0.25, high=-0.15, p_better=1e-4, blocks=173, block=100, resamples=9_999
)
WORSE = replace(BETTER, difference=0.01, low=-0.02, high=0.03, p_better=0.6)


def evidence(**changes):
    whole = Evidence(
        candidate=TextScore(characters=17_344, cross_entropy=1.29),
        rivals={"n-gram 5": TextScore(characters=17_344, cross_entropy=1.43)},
        best_ngram="n-gram 5",
        against_ngram=BETTER,
        duel=None,
        selftest=SOUND,
        megabytes=9.0,
        milliseconds=0.2,
    )
    return replace(whole, **changes)


def failed(verdict):
    return [check.name for check in verdict.checks if not check.passed]


def test_what_beats_the_best_ngram_by_more_than_luck_is_promoted():
    verdict = judge(evidence())

    assert verdict.promoted
    assert verdict.sentence.startswith("Promoted: 1.861 bits a character (perplexity 3.63)")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"against_ngram": WORSE}, "better than the best n-gram 5"),
        ({"selftest": replace(SOUND, halves_difference=1e-2)}, "sound"),
        ({"selftest": replace(SOUND, repeats=False)}, "sound"),
        ({"megabytes": 51.0}, "small enough"),
        ({"milliseconds": float("nan")}, "quick enough"),
    ],
)
def test_each_fault_refuses_and_is_named(changes, name):
    verdict = judge(evidence(**changes))

    assert not verdict.promoted
    assert failed(verdict) == [name]
    assert f"not {name}" in verdict.sentence


def test_the_champion_must_be_beaten_too():
    score = TextScore(characters=17_344, cross_entropy=1.28)
    better = Duel(version=3, score=score, comparison=BETTER)

    assert judge(evidence(duel=better)).promoted
    verdict = judge(evidence(duel=replace(better, comparison=WORSE)))
    assert failed(verdict) == ["better than champion, version 3"]


def test_the_verdict_is_json_with_every_measure_even_an_infinite_one():
    infinite = TextScore(characters=1, cross_entropy=float("inf"))
    duel = Duel(version=3, score=infinite, comparison=BETTER)

    content = judge(evidence(duel=duel, rivals={"n-gram 5": infinite})).to_json()

    again = json.loads(json.dumps(content, allow_nan=False))
    assert again["evidence"]["duel"]["score"]["perplexity"] == "Infinity"
    assert again["evidence"]["candidate"]["bits_per_character"] == pytest.approx(1.29 / np.log(2))
    assert again["limits"]["significance"] == 0.05
