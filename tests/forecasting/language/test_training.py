import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from forecasting.errors import ModelInvalid
from forecasting.language.export import Ensemble, write_text_graph
from forecasting.language.fitting import TextTask, model_losses, precision
from forecasting.language.model import ModelSpec
from forecasting.language.presets import RECIPES, recipe_of
from forecasting.language.reading import TextGraph, unhurried
from forecasting.language.recipe import COMPARED, Reading
from forecasting.language.scoring import score_of
from forecasting.language.selftest import selftest
from forecasting.language.training import continuation, new_model, read_network, train_network
from forecasting.language.vocabulary import Vocabulary
from forecasting.stores.published import TextCard
from forecasting.training.loop import train


def numbers(corpus, part):
    return torch.from_numpy(corpus.vocabulary.encode(getattr(corpus, part)))


def test_a_trained_network_foretells_better_and_says_how_it_was_trained(corpus, member, tmp_path):
    epochs = []

    trained = train_network(corpus, member, 0, tmp_path, epochs.append)

    uniform = np.log2(len(corpus.vocabulary))
    assert trained.test_bits < 0.7 * uniform
    assert len(epochs) == len(trained.fit.history) == round(20_000 / len(corpus.train))
    assert trained.before.startswith("it has")
    assert len(trained.after) == len("it has") + 20
    assert trained.before != trained.after
    assert trained.characters_per_second > 0
    assert len(trained.norms_before) == len(trained.norms_after) == 37
    json.dumps(trained.to_json(), allow_nan=False)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(corpus, member, tmp_path):
    member = replace(member, characters=10_000)
    for name, seed in (("first", 1), ("second", 1), ("other", 2)):
        train_network(corpus, member, seed, tmp_path / name)

    weights = {
        name: read_network(tmp_path / name, corpus.vocabulary).head.weight
        for name in ("first", "second", "other")
    }
    assert torch.equal(weights["first"], weights["second"])
    assert not torch.equal(weights["first"], weights["other"])


def test_weights_of_another_vocabulary_are_refused(corpus, member, tmp_path):
    train_network(corpus, replace(member, characters=5_000), 0, tmp_path)

    with pytest.raises(ModelInvalid, match="do not belong together"):
        read_network(tmp_path, Vocabulary.fit("aabb"))


def test_the_carried_state_is_cut_from_the_graph_that_made_it(corpus, member):
    model = new_model(member.model, len(corpus.vocabulary), 0)
    task = TextTask(model, member, numbers(corpus, "train"), numbers(corpus, "validation"))
    batches = list(task.batches(torch.Generator().manual_seed(0)))

    loss, carry = task.loss(batches[0], None)
    later, _ = task.loss(batches[1], carry)
    fresh, _ = task.loss(batches[1], None)

    assert loss.requires_grad
    assert not any(part.requires_grad for layer in carry for part in layer)
    assert not torch.equal(later, fresh)


def test_epochs_begin_at_characters_of_their_own_unless_told_not_to(corpus, member):
    model = new_model(member.model, len(corpus.vocabulary), 0)
    fixed = replace(member, reading=Reading(batch=8, steps=16, random_offset=False))
    generator = torch.Generator().manual_seed(1)

    def first(chosen):
        task = TextTask(model, chosen, numbers(corpus, "train"), numbers(corpus, "validation"))
        return [next(iter(task.batches(generator)))[0] for _ in range(4)]

    assert all(torch.equal(each, first(fixed)[0]) for each in first(fixed))
    assert not all(torch.equal(each, first(member)[0]) for each in first(member))


def test_a_training_is_resumed_with_the_weights_of_an_unbroken_one(corpus, member, tmp_path):
    spec = member.trained_on(len(corpus.train), 3)

    def task():
        model = new_model(member.model, len(corpus.vocabulary), 3)
        return TextTask(model, member, numbers(corpus, "train"), numbers(corpus, "validation"))

    class Killed(Exception):
        pass

    def kill(epoch):
        if epoch.epoch == 2:
            raise Killed

    whole, cut = task(), task()
    train(whole, spec)
    with pytest.raises(Killed):
        train(cut, spec, checkpoints=tmp_path, watch=kill)
    resumed = task()
    fit = train(resumed, spec, checkpoints=tmp_path)

    assert fit.resumed_from == 2
    assert torch.equal(resumed.model.head.weight, whole.model.head.weight)


def test_products_are_taken_in_bfloat16_only_where_it_pays(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    wide, narrow = (new_model(ModelSpec(cell="gru", widths=(w,)), 5, 0) for w in (256, 8))

    def product(model):
        with precision(model):
            return model.head(torch.zeros(1, model.core.width)).dtype

    assert product(wide) == torch.bfloat16
    assert product(narrow) == torch.float32
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert product(wide) == torch.float32


def test_a_continuation_never_holds_the_unknown_symbol(corpus, member):
    model = new_model(member.model, len(corpus.vocabulary), 0)
    with torch.no_grad():
        model.head.bias[0] = 100.0

    assert "\ufffd" not in continuation(model, corpus.vocabulary, corpus)


def exported(corpus, models, path):
    model = Ensemble(models)
    write_text_graph(model, model.size, corpus.vocabulary, path)
    return TextGraph.open(path)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_the_graph_says_what_the_model_says_in_one_stream(corpus, cell, tmp_path):
    model = new_model(ModelSpec(cell=cell, widths=(9, 7)), len(corpus.vocabulary), 0)
    graph = exported(corpus, [model], tmp_path / "model.onnx")
    text, before = (numbers(corpus, part).numpy() for part in ("test", "validation"))

    ours = graph.losses(text, before, unhurried)

    assert ours == pytest.approx(model_losses(model, text, before), abs=1e-4)
    assert selftest(graph, text).passed


def test_an_ensemble_averages_probabilities(corpus, tmp_path):
    models = [
        new_model(ModelSpec(cell=cell, widths=(8,)), len(corpus.vocabulary), seed).eval()
        for seed, cell in enumerate(("lstm", "gru"))
    ]
    graph = exported(corpus, models, tmp_path / "model.onnx")
    text = numbers(corpus, "test")[:40].view(1, -1)

    logs, _ = graph(text.numpy(), graph.start())

    with torch.no_grad():
        mean = sum(torch.softmax(model(text)[0], dim=-1) for model in models) / 2
    assert graph.size == 8 + 8 + 8
    assert np.exp(logs) == pytest.approx(mean.numpy(), abs=1e-5)


def test_graph_card_and_vocabulary_must_belong_together(corpus, member, tmp_path):
    model = new_model(member.model, len(corpus.vocabulary), 0)
    graph = exported(corpus, [model], tmp_path / "model.onnx")
    card = TextCard(
        model="language-words", corpus="words", preparation="letters",
        symbols=len(corpus.vocabulary), state=graph.size, cell="gru", members=1, parameters=1,
        vocabulary_sha256=corpus.vocabulary.sha256, data_sha256="d" * 64,
        test_bits_per_character=2.0, run_id="run",
    )  # fmt: skip

    graph.check_fits(card, corpus.vocabulary)
    swapped = Vocabulary((corpus.vocabulary.symbols[0], *corpus.vocabulary.symbols[:0:-1]))
    for wrong in (replace(card, state=1), replace(card, symbols=3)):
        with pytest.raises(ModelInvalid, match="do not belong together"):
            graph.check_fits(wrong, corpus.vocabulary)
    with pytest.raises(ModelInvalid, match="do not belong together"):
        graph.check_fits(card, swapped)


def test_every_preset_has_a_recipe_and_no_other_is_known():
    assert set(RECIPES) == {"default", "quick", "lecture-rnn", "lecture-lstm", "lecture-gru"}
    for recipe in RECIPES.values():
        assert len(recipe.seeds(1)) == recipe.members
        assert all(recipe.contestant(cell, 28).model.cell == cell for cell in COMPARED)
    with pytest.raises(ModelInvalid, match="no such preset"):
        recipe_of("best")


def test_the_lectures_presets_are_the_lectures():
    for cell, rate in (("rnn", 1.0), ("lstm", 4.0), ("gru", 4.0)):
        member = recipe_of(f"lecture-{cell}").member
        assert member.model == ModelSpec(cell=cell, widths=(32,))
        assert (member.reading.batch, member.reading.steps) == (1024, 32)
        assert (member.training.optimiser, member.training.learning_rate) == ("sgd", rate)
        assert member.training.clip_norm == 1.0


def test_the_score_of_an_epoch_is_the_validation_texts_mean(corpus, member):
    model = new_model(member.model, len(corpus.vocabulary), 0)
    task = TextTask(model, member, numbers(corpus, "train"), numbers(corpus, "validation"))
    model.eval()

    with torch.no_grad():
        score = task.score()

    text = numbers(corpus, "validation").numpy()
    one_stream = score_of(model_losses(model, text[1:], text[:1])).cross_entropy
    assert score == pytest.approx(one_stream, rel=0.1)
