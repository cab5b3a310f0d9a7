"""Put the trained members into one graph, and judge that graph: what is served is what is told."""

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import GatecastError
from forecasting.language.corpus import Corpus
from forecasting.language.export import Ensemble, write_text_graph
from forecasting.language.gate import Duel, Evidence, judge
from forecasting.language.mixture import Mixture, build_automaton, learn_weights
from forecasting.language.preparation import prepare
from forecasting.language.reading import OPENING, TextGraph, unhurried
from forecasting.language.rivals import Rivals, measure_rivals
from forecasting.language.sampling import SamplingSpec, sampler
from forecasting.language.scoring import TextScore, score_of
from forecasting.language.selftest import selftest
from forecasting.language.significance import compare
from forecasting.language.training import BEFORE, read_network
from forecasting.language.vocabulary import Vocabulary, read_vocabulary
from forecasting.recurrent import trainable
from forecasting.settings import Settings
from forecasting.stores.published import GRAPH, WEIGHTS, read_text_card
from forecasting.stores.registry.aliases import CHAMPION, alias_of
from forecasting.stores.registry.versions import connect, fetch
from forecasting.training.exporting import write_weights
from pipelines.texts.fitting import HISTORY
from pipelines.texts.judgement import TextJudgement
from pipelines.texts.workspace import TextPlan, read_text_plan

#: The folder of the judged model within a run's folder.
MODEL = "model"

#: How long a character takes is measured so often.
TIMED = 200

#: What a version says for the reviewer: from this prompt, so many characters, so drawn.
SAMPLED = 400
SAMPLING = SamplingSpec(temperature=0.7, seed=0)


def judge_text(settings: Settings, folder: Path) -> TextJudgement:
    """Export the members as one graph, measure it and its rivals, and decide."""
    plan = read_text_plan(folder)
    corpus = plan.text(settings.root)
    assembled = assemble(folder, plan, corpus)
    graph = TextGraph.open(folder / MODEL / GRAPH)
    rivals = measure_rivals(corpus)
    losses = part_losses(graph, corpus)
    champion, evidence = evidence_of(
        settings, plan.model, corpus, Heard(folder / MODEL / GRAPH, losses["test"], rivals)
    )
    return TextJudgement(
        verdict=judge(evidence),
        champion=champion,
        parts={name: score_of(each) for name, each in losses.items()},
        ngrams=rivals.validation,
        networks={
            name: json.loads((folder / name / HISTORY).read_bytes()) for name in plan.networks
        },
        parameters=assembled.parameters,
        contexts=assembled.contexts,
        shares=assembled.shares,
        networks_alone=assembled.alone,
        state=graph.size,
        sample=sample(graph, corpus),
    )


@dataclass(frozen=True)
class Heard:
    """A graph, its nats at each character of the test text, and what the rivals said of it."""

    path: Path
    losses: NDArray[np.float64]
    rivals: Rivals


def evidence_of(
    settings: Settings, model: str, corpus: Corpus, heard: Heard, itself: int | None = None
) -> tuple[int | None, Evidence]:
    """Put together what the gate decides by; returns the champion's version beside it.

    Args:
        settings: where the registry is.
        model: the registered model.
        corpus: the text.
        heard: the graph and what was said of the test text.
        itself: the judged version, which is not compared with itself.
    """
    rivals, graph = heard.rivals, TextGraph.open(heard.path)
    champion, duel = duel_of(settings, model, corpus, heard.losses, itself)
    return champion, Evidence(
        candidate=score_of(heard.losses),
        rivals=rivals.scores,
        best_ngram=rivals.best,
        against_ngram=compare(heard.losses, rivals.losses),
        duel=duel,
        selftest=selftest(graph, corpus.vocabulary.encode(corpus.test)),
        megabytes=heard.path.stat().st_size / 2**20,
        milliseconds=milliseconds(graph),
    )


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """What the members became: their weights, and the n-gram that was mixed in.

    `shares` say by length of context how much of the probability is the n-gram's, as learnt on
    the validation text; `contexts` counts its contexts; `alone` is the test text's score without
    it. A preset that mixes nothing has no contexts.
    """

    parameters: int
    contexts: int
    shares: tuple[float, ...]
    alone: TextScore


def assemble(folder: Path, plan: TextPlan, corpus: Corpus) -> Assembled:
    """Write the members and the n-gram as one graph, one file of weights, and the vocabulary."""
    vocabulary = corpus.vocabulary
    networks = Ensemble([read_network(folder / name, vocabulary) for name in plan.members])
    path = folder / MODEL / GRAPH
    write_text_graph(networks, networks.size, vocabulary, path)
    losses = part_losses(TextGraph.open(path), corpus, ("validation", "test"))
    model: Ensemble | Mixture = networks
    shares: tuple[float, ...] = ()
    contexts = 0
    if plan.recipe.mixed:
        train, validation = map(vocabulary.encode, (corpus.train, corpus.validation))
        automaton = build_automaton(train, len(vocabulary))
        learnt = learn_weights(automaton, validation, train[-BEFORE:], losses["validation"])
        model, shares = Mixture(networks, automaton, learnt), tuple(learnt.tolist())
        contexts = len(automaton.lengths) - 1
        write_text_graph(model, model.size, vocabulary, path)
    write_weights(model, folder / MODEL / WEIGHTS, {"vocabulary_sha256": vocabulary.sha256})
    vocabulary.write(folder / MODEL)
    return Assembled(
        parameters=trainable(networks),
        contexts=contexts,
        shares=shares,
        alone=score_of(losses["test"]),
    )


def part_losses(
    graph: TextGraph, corpus: Corpus, parts: Sequence[str] = ("train", "validation", "test")
) -> dict[str, NDArray[np.float64]]:
    """Return parts' nats by character; the model reads what stands before a part first."""
    encode = corpus.vocabulary.encode
    opening = encode(OPENING[corpus.preparation])
    contexts = {"train": "", "validation": corpus.train, "test": corpus.validation}
    texts = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    return {
        name: graph.losses(
            encode(text), np.concatenate([opening, encode(contexts[name][-BEFORE:])]), unhurried
        )
        for name, text in texts.items()
        if name in parts
    }


def duel_of(
    settings: Settings,
    model: str,
    corpus: Corpus,
    ours: NDArray[np.float64],
    itself: int | None = None,
) -> tuple[int | None, Duel | None]:
    """Ask the champion about the same test text; returns its version, and the duel.

    A champion that reads another alphabet's text, or cannot be read, stands in nobody's way.
    """
    client = connect(settings)
    version = alias_of(client, model, CHAMPION)
    if version is None or version == itself:
        return version, None
    with TemporaryDirectory() as scratch, suppress(GatecastError):
        files = fetch(client, model, version, Path(scratch))
        card = read_text_card(files)
        if card.preparation == corpus.preparation:
            theirs = version_losses(files, read_vocabulary(files, card.vocabulary_sha256), corpus)
            duel = Duel(version=version, score=score_of(theirs), comparison=compare(ours, theirs))
            return version, duel
    return version, None


def version_losses(files: Path, vocabulary: Vocabulary, corpus: Corpus) -> NDArray[np.float64]:
    """Return a version's nats at each character of the test text."""
    graph = TextGraph.open(files / GRAPH)
    before = OPENING[corpus.preparation] + corpus.validation[-BEFORE:]
    return graph.losses(vocabulary.encode(corpus.test), vocabulary.encode(before), unhurried)


def milliseconds(graph: TextGraph) -> float:
    """Return the time of one character in one stream: the quarter that others disturbed least."""
    state, symbol = graph.start(), np.ones((1, 1), np.int64)
    times = []
    for _ in range(TIMED):
        began = time.perf_counter()
        _, state = graph(symbol, state)
        times.append(time.perf_counter() - began)
    return 1000 * float(np.quantile(times, 0.25))


def sample(graph: TextGraph, corpus: Corpus, prompt: str = "it has") -> str:
    """Let the model write on from a prompt, for people to read."""
    vocabulary = corpus.vocabulary
    symbols = vocabulary.encode(OPENING[corpus.preparation] + prepare(prompt, corpus.preparation))
    after, state = graph.read(symbols, graph.start(), unhurried)
    written = graph.write(after, state, sampler(SAMPLING))
    drawn = np.array([next(written)[0] for _ in range(SAMPLED)], np.int64)
    return prompt + vocabulary.decode(drawn)
