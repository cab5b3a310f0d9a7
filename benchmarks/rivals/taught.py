"""Ask the lecture's LSTM in Keras: `python -m benchmarks.rivals.taught FOLDER [EPOCHS]`.

Two LSTM layers and three dense ones on the target alone, scaled to [0, 1] on the train rows, one
step ahead, 100 epochs of batch 32, as taught. Leads past the first are the model fed with its
own forecasts.
"""

import os
import sys
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.rivals.exchange import Answer, Floats, Question, write_answers

EPOCHS = 100
BATCH = 32


def build(history: int) -> keras.Model:
    """Make the lecture's model, compiled as taught."""
    model = keras.Sequential(
        [
            keras.layers.Input((history, 1)),
            keras.layers.LSTM(50, return_sequences=True),
            keras.layers.LSTM(64),
            keras.layers.Dense(32),
            keras.layers.Dense(16),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    return model


def answer(question: Question, epochs: int = EPOCHS) -> Answer:
    """Train on the train rows, then forecast every origin, each lead from the one before."""
    keras.utils.set_random_seed(question.seed)
    seen = question.series[: question.train]
    low, high = seen.min(), seen.max()
    scaled = (question.series - low) / max(high - low, 1e-6)
    windows = sliding_window_view(scaled, question.history)  # (starts, history)
    inputs = windows[: question.train - question.history, :, None]
    targets = scaled[question.history : question.train, None]
    began = time.perf_counter()
    model = build(question.history)
    model.fit(inputs, targets, batch_size=BATCH, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - began
    first = question.train - question.history
    forecast = recurse(model, windows[first : first + question.origins], question.horizon)
    return Answer(forecast=forecast * (high - low) + low, fit_seconds=seconds)


def recurse(model: keras.Model, histories: Floats, horizon: int) -> Floats:
    """Forecast lead by lead, each forecast a day of the next history: (origins, horizon)."""
    leads = []
    for _ in range(horizon):
        following = model.predict(histories[:, :, None], verbose=0)  # (origins, 1)
        leads.append(following[:, 0])
        histories = np.concatenate([histories[:, 1:], following], axis=1)
    return np.stack(leads, axis=-1).astype(np.float64)


def main(folder: Path, epochs: int) -> None:
    """Answer the question of a folder."""
    question = Question.read(folder)
    write_answers(folder / "taught", {"keras_lecture_lstm": answer(question, epochs)})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else EPOCHS)
