"""Train one network on a corpus, and say what it did: speed, losses, words before and after."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as from_bytes
from torch import Tensor

from forecasting.errors import ModelInvalid
from forecasting.language.corpus import Corpus
from forecasting.language.fitting import TextTask, model_losses
from forecasting.language.gradients import gradient_norms
from forecasting.language.model import CharacterModel, ModelSpec
from forecasting.language.preparation import prepare
from forecasting.language.recipe import Member
from forecasting.language.scoring import score_of
from forecasting.language.vocabulary import Vocabulary
from forecasting.recurrent import trainable
from forecasting.stores.published import WEIGHTS
from forecasting.training.exporting import write_weights
from forecasting.training.loop import Epoch, Fit, train

#: What the lecture lets a network go on with before and after training, and how far.
PROMPT, CONTINUED = "it has", 20

#: Characters that a network reads before those it is asked about.
BEFORE = 2_000

#: Where the weights' file names its own shape, and the vocabulary it was trained with.
SPEC, SYMBOLS, VOCABULARY_SHA256 = "spec", "symbols", "vocabulary_sha256"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What became of one network.

    `characters_per_second` is the training's speed on one thread; `test_bits` of the test text;
    `norms_before` and `norms_after` the gradient's norm by steps back, at the start and at the
    end of training.
    """

    fit: Fit
    parameters: int
    characters_per_second: float
    test_bits: float
    before: str
    after: str
    norms_before: tuple[float, ...]
    norms_after: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return asdict(self)


def train_network(
    corpus: Corpus,
    member: Member,
    seed: int,
    folder: Path,
    watch: Callable[[Epoch], None] | None = None,
) -> Trained:
    """Train a network and write its weights; a run that was cut off there is resumed.

    Args:
        corpus: the text.
        member: shape, reading and training.
        seed: of weights, offsets and dropout.
        folder: where checkpoints and weights go.
        watch: called after each epoch.

    Raises:
        Diverged: the loss was not finite before the first epoch was whole.
    """
    vocabulary = corpus.vocabulary
    parts = {
        name: torch.from_numpy(vocabulary.encode(text))
        for name, text in (
            ("train", corpus.train),
            ("validation", corpus.validation),
            ("test", corpus.test),
        )
    }
    model = new_model(member.model, len(vocabulary), seed)
    before = continuation(model, vocabulary, corpus)
    norms_before = gradient_norms(model, parts["validation"])
    spec = member.trained_on(len(parts["train"]), seed)
    task = TextTask(model, member, parts["train"], parts["validation"])
    fit = train(task, spec, checkpoints=folder / "checkpoints", watch=watch)
    metadata = {
        SPEC: json.dumps(asdict(member.model)),
        SYMBOLS: str(len(vocabulary)),
        VOCABULARY_SHA256: vocabulary.sha256,
    }
    write_weights(model, folder / WEIGHTS, metadata)
    losses = model_losses(model, parts["test"].numpy(), parts["validation"].numpy()[-BEFORE:])
    seconds = sum(epoch.seconds for epoch in fit.history)
    return Trained(
        fit=fit,
        parameters=trainable(model),
        characters_per_second=len(fit.history) * len(parts["train"]) / seconds,
        test_bits=score_of(losses).bits_per_character,
        before=before,
        after=continuation(model, vocabulary, corpus),
        norms_before=norms_before,
        norms_after=gradient_norms(model, parts["validation"]),
    )


def new_model(spec: ModelSpec, symbols: int, seed: int) -> CharacterModel:
    """Return a model with the weights that a seed draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CharacterModel(spec, symbols)


def continuation(
    model: CharacterModel,
    vocabulary: Vocabulary,
    corpus: Corpus,
    prompt: str = PROMPT,
    length: int = CONTINUED,
) -> str:
    """Let a model go on with a prompt, likeliest symbol by symbol, as the lecture does."""
    numbers = torch.from_numpy(vocabulary.encode(prepare(prompt, corpus.preparation)))
    state, written = None, []
    read: Tensor = numbers.view(1, -1)
    model.eval()
    with torch.no_grad():
        for _ in range(length):
            logits, state = model(read, state)
            read = logits[:, -1:, 1:].argmax(dim=-1) + 1  # never the unknown symbol
            written.append(read.view(1))
    return prompt + vocabulary.decode(torch.cat(written).numpy())


def read_network(folder: Path, vocabulary: Vocabulary) -> CharacterModel:
    """Rebuild a network from its weights' file, which names its own shape.

    Raises:
        ModelInvalid: the weights were trained with another vocabulary.
    """
    content = (folder / WEIGHTS).read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    if head[VOCABULARY_SHA256] != vocabulary.sha256:
        raise ModelInvalid(
            "vocabulary and weights do not belong together",
            expected=head[VOCABULARY_SHA256],
            found=vocabulary.sha256,
        )
    shape = json.loads(head[SPEC])
    spec = ModelSpec(**{**shape, "widths": tuple(shape["widths"])})
    model = CharacterModel(spec, int(head[SYMBOLS]))
    model.load_state_dict(from_bytes(content))
    return model.eval()
