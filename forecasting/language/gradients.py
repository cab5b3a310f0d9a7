"""Follow a loss back through time: how much of its gradient reaches each earlier step."""

import torch
from torch import nn

from forecasting.language.corpus import streams
from forecasting.language.model import CharacterModel

#: How far back the gradient is followed, in characters, and over how many streams at once.
STEPS, STREAMS = 64, 16


def gradient_norms(model: CharacterModel, numbers: torch.Tensor) -> tuple[float, ...]:
    """Return the gradient's norm at the state of so many steps before the loss, step 0 first.

    The loss is that of the last character of a stretch alone; its gradient at the last layer's
    state is taken at every step, and its norm averaged over parallel streams. Where it falls by
    a factor a step it vanishes, where it grows it explodes.

    Args:
        model: any cell.
        numbers: (characters,) int64, enough for 16 streams of 65 characters.

    Source: Bengio, Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013).
    """
    length = min(STEPS, (len(numbers) - 1) // STREAMS)
    inputs, targets = next(streams(numbers, STREAMS, length))
    model.eval()
    states, state = [], None
    for step in range(length):
        _, state = model.core(model.table(inputs[:, step : step + 1]), state)
        hidden = state[-1][0]  # (1, batch, width)
        hidden.retain_grad()
        states.append(hidden)
    # The last layer's output at a step is its state there: the loss must go through that state.
    logits = model.head(states[-1].squeeze(0))  # (batch, symbols)
    loss = nn.functional.cross_entropy(logits, targets[:, -1], reduction="sum")
    loss.backward()
    norms = [
        0.0 if hidden.grad is None else float(hidden.grad.norm(dim=-1).mean())
        for hidden in reversed(states)
    ]
    model.zero_grad(set_to_none=True)
    return tuple(norms)
