"""Time the language model: training beside a plain loop, and sampling from the running service.

`python -m benchmarks.language training` trains an LSTM on the packaged corpus with our loop and
with a plain PyTorch loop on one-hot inputs, in turns, in one process on one thread.
`python -m benchmarks.language sampling` serves the champion of a home (GATECAST_HOME) with the
real command and reads one stream of events over loopback.
"""

import http.client
import json
import sys
import time
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from data_checks.texts import admit_text
from forecasting.language.corpus import Corpus, streams
from forecasting.language.fitting import TextTask
from forecasting.language.model import ModelSpec
from forecasting.language.recipe import Member, Reading
from forecasting.language.training import new_model
from forecasting.settings import load_settings
from forecasting.training.loop import TrainingSpec, train
from forecasting.training.machine import one_thread
from pipelines.commands.demo import api
from pipelines.texts.catalogue import PACKAGED, find_corpus
from pipelines.texts.landing import land_text

WIDTHS = (32, 256, 512)
BATCH, STEPS = 32, 64

#: Turns that each loop takes; the median is told.
TURNS = 5

#: Characters of a turn, by width: a few seconds each.
TURN = {32: 400_000, 256: 100_000, 512: 50_000}

#: Characters that the service writes in one stream, and how often.
WRITTEN, STREAMS = 10_000, 5


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Training characters per second of both loops at one width."""

    width: int
    ours: float
    plain: float

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the plain loop's."""
        return self.ours / self.plain


def packaged_corpus() -> Corpus:
    """Return the packaged corpus, landed and checked as always."""
    corpus = find_corpus(PACKAGED)
    admission = admit_text(corpus, land_text(corpus, load_settings()).read_bytes())
    return Corpus(name=corpus.name, text=admission.text or "", preparation=corpus.preparation)


def ours(numbers: Tensor, symbols: int, width: int) -> float:
    """Train one epoch with our loop; returns characters per second, its score not counted."""
    member = Member(
        model=ModelSpec(cell="lstm", widths=(width,)),
        reading=Reading(batch=BATCH, steps=STEPS, random_offset=False),
        training=TrainingSpec(epochs=1, learning_rate=1e-3, seed=0),
        characters=len(numbers),
    )
    model = new_model(member.model, symbols, 0)
    fit = train(TextTask(model, member, numbers, numbers[:200]), member.training)
    return len(numbers) / fit.history[0].seconds


def plain(numbers: Tensor, symbols: int, width: int) -> float:
    """Train one epoch with a plain loop on one-hot inputs; returns characters per second."""
    torch.manual_seed(0)
    core, head = nn.LSTM(symbols, width, batch_first=True), nn.Linear(width, symbols)
    weights = [*core.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=1e-3)
    state: tuple[Tensor, Tensor] | None = None
    began = time.perf_counter()
    for inputs, targets in streams(numbers, BATCH, STEPS):
        encoded = nn.functional.one_hot(inputs, symbols).float()
        outputs, (hidden, memory) = core(encoded, state)
        state = (hidden.detach(), memory.detach())
        loss = nn.functional.cross_entropy(head(outputs).flatten(0, 1), targets.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
    return len(numbers) / (time.perf_counter() - began)


def measure_training(corpus: Corpus, width: int, characters: int) -> Pace:
    """Let both loops take turns at one width."""
    numbers = torch.from_numpy(corpus.vocabulary.encode(corpus.train[:characters]))
    symbols = len(corpus.vocabulary)
    pairs = [(ours(numbers, symbols, width), plain(numbers, symbols, width)) for _ in range(TURNS)]
    return Pace(
        width=width,
        ours=median(pair[0] for pair in pairs),
        plain=median(pair[1] for pair in pairs),
    )


def measure_sampling(
    model: str, written: int = WRITTEN, streams_read: int = STREAMS
) -> list[float]:
    """Serve a home's champion and read streams, one after the other: characters per second each."""
    body = {"model": model, "prompt": "the", "length": written, "temperature": 0.7}
    with api(load_settings(), "/readyz") as port:
        return [_read_stream(port, body | {"seed": seed}) for seed in range(streams_read)]


def _read_stream(port: int, body: dict[str, object]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    connection.request("POST", "/v1/text", json.dumps(body), {"Accept": "text/event-stream"})
    answer = connection.getresponse()
    told = [
        json.loads(line.removeprefix(b"data: ")) for line in answer if line.startswith(b"data: ")
    ]
    seconds = time.perf_counter() - began
    connection.close()
    return sum(len(event.get("text", "")) for event in told) / seconds


def main(arguments: list[str]) -> int:
    """Measure what is asked for and print it, one JSON object a line."""
    if arguments[:1] == ["training"]:
        one_thread()
        corpus = packaged_corpus()
        for width in WIDTHS:
            pace = measure_training(corpus, width, TURN[width])
            print(json.dumps({**vars(pace), "ratio": round(pace.ratio, 3)}), flush=True)
        return 0
    if arguments[:1] == ["sampling"]:
        paces = measure_sampling(arguments[1] if len(arguments) > 1 else PACKAGED)
        print(json.dumps({"characters_per_second": [round(pace) for pace in paces]}))
        return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
