"""Ask neuralforecast: `python -m benchmarks.rivals.neural FOLDER [MODEL ...]`.

LSTM, GRU and NHITS with the library's defaults, 500 steps, the window that Gatecast has, the
other variables as past inputs and the calendar as known ones. Fitted once on the train rows.
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from neuralforecast import NeuralForecast
from neuralforecast.models import GRU, LSTM, NHITS

from benchmarks.rivals.exchange import Answer, Question, write_answers

STEPS = 500
MODELS = {"nf_lstm": LSTM, "nf_gru": GRU, "nf_nhits": NHITS}

#: Rows that each origin's series keeps; a forecast reads the last `history` of them.
KEPT_HISTORIES = 2


def frame_of(question: Question) -> pd.DataFrame:
    """Return one row a step: `ds`, the target as `y`, the other variables, the calendar."""
    steps = np.arange(len(question.calendar)) * np.timedelta64(question.step_seconds, "s")
    frame = pd.DataFrame({"ds": np.datetime64(question.start, "s") + steps})
    missing = len(question.calendar) - len(question.values)
    values = np.pad(question.values, ((0, missing), (0, 0)), constant_values=np.nan)
    for place, name in enumerate(question.names):
        frame["y" if place == question.target else name] = values[:, place]
    for wave in range(question.calendar.shape[1]):
        frame[f"wave_{wave}"] = question.calendar[:, wave]
    return frame.assign(unique_id="train")


def build(name: str, question: Question) -> Any:  # noqa: ANN401 - a model of the library
    """Make a model with the library's defaults and this question's window and inputs."""
    others = [each for place, each in enumerate(question.names) if place != question.target]
    return MODELS[name](
        h=question.horizon,
        input_size=question.history,
        max_steps=STEPS,
        hist_exog_list=others or None,
        futr_exog_list=[f"wave_{wave}" for wave in range(question.calendar.shape[1])],
        random_seed=question.seed,
        alias=name,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        logger=False,
    )


def fit(name: str, question: Question) -> tuple[NeuralForecast, float]:
    """Fit one model on the train rows; returns it and the seconds that this took."""
    frequency = pd.tseries.frequencies.to_offset(pd.Timedelta(seconds=question.step_seconds))
    forecaster = NeuralForecast(models=[build(name, question)], freq=frequency)
    began = time.perf_counter()
    forecaster.fit(frame_of(question).iloc[: question.train])
    return forecaster, time.perf_counter() - began


def answer(name: str, question: Question) -> Answer:
    """Fit one model, then forecast every origin, each as a series that ends there."""
    forecaster, seconds = fit(name, question)
    frame = frame_of(question)
    past, ahead = [], []
    for origin in question.origin_rows:
        first = max(0, origin + 1 - KEPT_HISTORIES * question.history)
        label = f"{origin:09d}"
        past.append(frame.iloc[first : origin + 1].assign(unique_id=label))
        ahead.append(frame.iloc[origin + 1 : origin + 1 + question.horizon].assign(unique_id=label))
    told = forecaster.predict(df=pd.concat(past), futr_df=pd.concat(ahead))
    ordered = told.sort_values(["unique_id", "ds"])[name].to_numpy(dtype=np.float64)
    return Answer(forecast=ordered.reshape(-1, question.horizon), fit_seconds=seconds)


def main(folder: Path, names: list[str]) -> None:
    """Answer the question of a folder with the named models, or all."""
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    question = Question.read(folder)
    write_answers(folder / "neural", {name: answer(name, question) for name in names or MODELS})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
