import numpy as np
import pytest
import torch

from forecasting.language.export import Ensemble, write_text_graph
from forecasting.language.mixture import LONGEST, Mixture, build_automaton, learn_weights
from forecasting.language.model import ModelSpec
from forecasting.language.ngram import WittenBell
from forecasting.language.reading import TextGraph, unhurried
from forecasting.language.selftest import selftest
from forecasting.language.training import new_model


def parts(corpus):
    return [corpus.vocabulary.encode(text) for text in (corpus.train, corpus.validation)]


def foretold(automaton, text, before):
    nodes = automaton.nodes(np.concatenate([before, text]))[len(before) - 1 : -1]
    return automaton.probabilities[nodes, text]


def test_the_tables_say_what_the_ngram_says(corpus):
    train, text = parts(corpus)
    symbols = len(corpus.vocabulary)
    automaton = build_automaton(train, symbols)

    counted = list(WittenBell(train, symbols, LONGEST + 1).log_probabilities(text, train))

    assert automaton.longest == LONGEST
    assert foretold(automaton, text, train) == pytest.approx(np.exp(counted[-1]), abs=1e-6)
    assert automaton.probabilities[1:].sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_contexts_are_as_long_as_there_is_room_for(corpus):
    train, text = parts(corpus)
    symbols = len(corpus.vocabulary)
    automaton = build_automaton(train, symbols, room=40 * symbols * 8)

    counted = list(WittenBell(train, symbols, 2).log_probabilities(text, train))

    assert automaton.longest == 1
    assert foretold(automaton, text, train) == pytest.approx(np.exp(counted[1]), abs=1e-6)


def test_the_weights_are_those_that_foretell_best_by_length_of_context(corpus):
    train, text = parts(corpus)
    automaton = build_automaton(train, len(corpus.vocabulary))
    hopeless, perfect = np.full(len(text), 9.0), np.zeros(len(text))

    nodes = automaton.nodes(np.concatenate([train, text]))[len(train) - 1 : -1]
    met = np.unique(automaton.lengths[nodes])

    assert (learn_weights(automaton, text, train, hopeless)[met] > 0.5).all()
    assert (learn_weights(automaton, text, train, perfect) == 0).all()


def test_the_graph_mixes_both_stretch_by_stretch_and_alone(corpus, tmp_path):
    train, text = parts(corpus)
    symbols = len(corpus.vocabulary)
    automaton = build_automaton(train, symbols)
    ensemble = Ensemble([new_model(ModelSpec(cell="gru", widths=(5,)), symbols, 0)])
    weights = np.linspace(0.1, 0.7, automaton.longest + 1)
    mixture = Mixture(ensemble, automaton, weights)
    write_text_graph(mixture, mixture.size, corpus.vocabulary, tmp_path / "model.onnx")
    graph = TextGraph.open(tmp_path / "model.onnx")

    losses = graph.losses(text, train, unhurried)

    whole = torch.from_numpy(np.concatenate([train, text]))
    with torch.no_grad():
        logs, _ = ensemble(whole[None, :-1], torch.zeros(1, ensemble.size))
    ours = np.exp(logs[0].numpy()[np.arange(len(whole) - 1), whole[1:]])[-len(text) :]
    nodes = automaton.nodes(whole.numpy())[len(train) - 1 : -1]
    share = weights[automaton.lengths[nodes]]
    expected = ours * (1 - share) + automaton.probabilities[nodes, text] * share
    assert np.exp(-losses) == pytest.approx(expected, abs=1e-5)
    assert selftest(graph, text).passed
