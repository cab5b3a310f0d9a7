import numpy as np
import pytest

from forecasting.language.ngram import WittenBell
from forecasting.language.rivals import compressors, measure_rivals, ngram_name


def by_hand(training, symbols, context, following):
    """Witten-Bell by its own definition, character by character."""
    if context is None:
        return 1.0 / symbols
    shorter = by_hand(training, symbols, context[1:] if context else None, following)
    length = len(context)
    seen = [
        training[place + length]
        for place in range(len(training) - length)
        if tuple(training[place : place + length]) == context
    ]
    if not seen:
        return shorter
    kinds = len(set(seen))
    return (seen.count(following) + kinds * shorter) / (len(seen) + kinds)


def test_every_order_agrees_with_the_definition():
    rng = np.random.default_rng(0)
    training, text = rng.integers(0, 4, 120), rng.integers(0, 5, 30)

    orders = list(WittenBell(training, 5, 4).log_probabilities(text, training))

    whole = [*training.tolist(), *text.tolist()]
    for length, logs in enumerate(orders):
        for place in range(30):
            end = 120 + place
            context = tuple(whole[end - length : end])
            expected = by_hand(training.tolist(), 5, context, whole[end])
            assert np.exp(logs[place]) == pytest.approx(expected)


def test_the_probabilities_of_all_symbols_sum_to_one():
    training = np.random.default_rng(1).integers(0, 3, 200)
    counted = WittenBell(training, 4, 3)

    each = [
        np.exp(list(counted.log_probabilities(np.array([symbol]), training))[2][0])
        for symbol in range(4)
    ]

    assert sum(each) == pytest.approx(1.0)


def test_a_text_with_nothing_before_it_begins_with_short_contexts():
    counted = WittenBell(np.array([0, 1, 0, 1, 0, 1]), 2, 3)

    first, *others = counted.log_probabilities(np.array([1, 0, 1]), np.array([], np.int64))

    assert all(logs[0] == first[0] for logs in others)


def test_the_rivals_are_all_there_and_the_best_ngram_is_validations_choice(corpus):
    rivals = measure_rivals(corpus)

    names = {ngram_name(order) for order in range(1, 9)}
    assert set(rivals.scores) == {"uniform", "unigram", "bzip2", "xz", *names}
    assert set(rivals.validation) == names
    assert rivals.best == min(names, key=lambda name: rivals.validation[name].cross_entropy)
    assert rivals.scores["unigram"] == rivals.scores["n-gram 1"]
    assert rivals.losses.mean() == pytest.approx(rivals.scores[rivals.best].cross_entropy)
    assert rivals.scores["uniform"].perplexity == pytest.approx(len(corpus.vocabulary))


def test_compressors_are_told_by_what_the_test_text_adds(corpus):
    for score in compressors(corpus).values():
        assert 0 < score.bits_per_character < 8
        assert score.characters == len(corpus.test)
