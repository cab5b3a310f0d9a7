"""Time the lecture's LSTM in Keras, when told to: `python -m benchmarks.rivals.epochs FOLDER`.

The folder holds `inputs.npy` and `targets.npy`. Each line on standard input is a number of
epochs; each answer a JSON list of their seconds. Graphs are traced before the first answer.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.rivals.taught import BATCH, build, keras


class Clock(keras.callbacks.Callback):
    """Note how long each epoch took."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.began = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002 - Keras's signature
        """Start the clock."""
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002 - Keras's signature
        """Stop it."""
        self.seconds.append(time.perf_counter() - self.began)


def main(folder: Path) -> None:
    """Train when told, until nothing more is asked."""
    inputs, targets = (np.load(folder / f"{name}.npy") for name in ("inputs", "targets"))
    keras.utils.set_random_seed(0)
    model = build(inputs.shape[1])
    model.fit(inputs, targets, batch_size=BATCH, epochs=1, verbose=0)
    print(
        json.dumps({"backend": keras.backend.backend(), "version": keras.__version__}), flush=True
    )
    for line in sys.stdin:
        clock = Clock()
        model.fit(inputs, targets, batch_size=BATCH, epochs=int(line), verbose=0, callbacks=[clock])
        print(json.dumps(clock.seconds), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
