"""Train a character model on streams of a text: truncated back-propagation through time."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.language.corpus import streams
from forecasting.language.model import CharacterModel
from forecasting.language.recipe import Member
from forecasting.language.scoring import Losses, losses_of
from forecasting.recurrent import State, detach

#: Streams into which a text is cut where only an epoch's place among others is asked.
SCORED_STREAMS = 16

#: Characters that are read at once where one stream's state runs through a whole text.
STRETCH = 512

#: From this width on bfloat16 products pay: measured 1.9 times the speed at 512 on this
#: processor's own instructions (docs/measurements.md), and the same losses.
HALF_WIDTH = 256


@dataclass(frozen=True)
class TextTask:
    """What the training loop asks: streams of the training text, the loss, the validation's.

    Args:
        model: what is trained.
        member: how the text is read.
        training: (characters,) int64.
        validation: (characters,) int64.
    """

    model: CharacterModel
    member: Member
    training: Tensor
    validation: Tensor

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one epoch of stretches; each goes on where the one before ended."""
        reading = self.member.reading
        spare = len(self.training) - 1 - reading.batch
        most = min(reading.steps, spare) if reading.random_offset else 1
        offset = int(torch.randint(0, max(most, 1), (1,), generator=generator))
        return streams(self.training, reading.batch, reading.steps, offset)

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the mean nats of a stretch, and its state cut from the graph."""
        inputs, targets = cast("tuple[Tensor, Tensor]", batch)
        state = cast("State | None", carry)
        dropped = dropped_weights(self.model)
        with precision(self.model):
            if dropped:
                logits, state = torch.func.functional_call(self.model, dropped, (inputs, state))
            else:
                logits, state = self.model(inputs, state)
        logits = logits.float().flatten(0, 1)  # (batch * steps, symbols)
        return nn.functional.cross_entropy(logits, targets.flatten()), detach(state)

    def score(self) -> float:
        """Return the validation text's mean nats, read in parallel streams."""
        count = min(SCORED_STREAMS, len(self.validation) - 1)
        total, state = 0.0, None
        for inputs, targets in streams(self.validation, count, STRETCH):
            with precision(self.model):
                logits, state = self.model(inputs, state)
            flat = logits.float().flatten(0, 1)
            total += float(nn.functional.cross_entropy(flat, targets.flatten(), reduction="sum"))
        return total / (count * ((len(self.validation) - 1) // count))


def precision(model: CharacterModel) -> AbstractContextManager[object]:
    """Return where products are taken: in bfloat16 where the processor has them and it pays.

    Weights, sums and the optimiser stay in float32.
    """
    wide = max(model.spec.widths) >= HALF_WIDTH
    cpu = next(model.parameters()).device.type == "cpu"
    native = torch.cpu._is_avx512_bf16_supported()  # noqa: SLF001 - torch has no public name for it
    return torch.autocast("cpu", torch.bfloat16, enabled=wide and cpu and native)


def dropped_weights(model: CharacterModel) -> dict[str, Tensor]:
    """Return the weights from state to state with a share of them set to zero, in training.

    Source: Merity, Keskar and Socher (2018), Regularizing and optimizing LSTM language models.
    """
    share = model.spec.weight_dropout
    if not share or not model.training:
        return {}
    names = (f"core.layers.{place}.weight_hh_l0" for place in range(len(model.core.layers)))
    return {name: nn.functional.dropout(model.get_parameter(name), share) for name in names}


def model_losses(
    model: CharacterModel, text: NDArray[np.int64], before: NDArray[np.int64]
) -> Losses:
    """Return the nats of every character of a text, one stream's state carried through it.

    Args:
        model: the trained model.
        text: (characters,).
        before: what the model reads first; its last character foretells the text's first.
    """
    whole = torch.from_numpy(np.concatenate([before, text]))
    parts, state = [], None
    model.eval()
    with torch.no_grad():
        for inputs, targets in streams(whole, 1, STRETCH):
            logits, state = model(inputs, state)
            logs = torch.log_softmax(logits[0], dim=-1).numpy()
            parts.append(losses_of(logs, targets[0].numpy()))
    losses: Losses = np.concatenate(parts)[-len(text) :]
    return losses
