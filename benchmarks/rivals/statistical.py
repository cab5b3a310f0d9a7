"""Ask statsforecast: `python -m benchmarks.rivals.statistical FOLDER`.

Each model is fitted once on the train rows; at each origin the fitted parameters are applied to
the rows up to it, by the library's own `forward`.
"""

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from statsforecast.models import ARIMA, AutoARIMA, AutoCES, AutoETS, AutoTheta

from benchmarks.rivals.exchange import Answer, Floats, Question, write_answers

#: Rows before the end of the train rows on which the conformal intervals are calibrated.
CALIBRATION = 365

#: One season a year would mean 366 parameters or lags: no automatic model is made for that, and
#: the peers' figures that this repeats were taken without a season.
MODELS: dict[str, Any] = {
    "auto_arima": lambda: AutoARIMA(season_length=1),
    "auto_ets": lambda: AutoETS(season_length=1),
    "auto_theta": lambda: AutoTheta(season_length=1),
    "auto_ces": lambda: AutoCES(season_length=1),
    "arima_2_1_2": lambda: ARIMA(order=(2, 1, 2)),
}


def width_of(level: float) -> int:
    """Return the percent of the central interval that a quantile level bounds.

    >>> width_of(0.025), width_of(0.9)
    (95, 80)
    """
    return round(100 * abs(1 - 2 * level))


def quantiles_of(told: dict[str, Floats], levels: tuple[float, ...]) -> Floats:
    """Turn one forecast with central intervals into quantiles: (horizon, levels)."""
    columns = []
    for level in levels:
        side = "lo" if level < 0.5 else "hi"
        columns.append(told["mean" if level == 0.5 else f"{side}-{width_of(level)}"])
    return np.stack(columns, axis=-1)


def forecast_at(model: Any, question: Question, origins: range) -> Floats:  # noqa: ANN401 - any model of the library
    """Apply a fitted model at every origin: (origins, horizon, levels)."""
    percents = sorted({width_of(level) for level in question.levels} - {0})
    rows = []
    for origin in origins:
        past = question.series[: origin + 1]
        told = model.forward(y=past, h=question.horizon, level=percents)
        rows.append(quantiles_of(told, question.levels))
    return np.stack(rows)


def answer(name: str, question: Question) -> Answer:
    """Fit one model on the train rows and forecast every origin, with its own intervals."""
    began = time.perf_counter()
    model = MODELS[name]().fit(y=question.series[: question.train])
    seconds = time.perf_counter() - began
    forecast = forecast_at(model, question, question.origin_rows)
    return Answer(forecast=forecast, fit_seconds=seconds, levels=question.levels)


def conformal(question: Question, base: Answer) -> Answer:
    """Put conformal intervals around AutoARIMA's point forecasts.

    A model that has not seen the last year of the train rows forecasts each of its days; the
    quantiles of its absolute errors by lead are the half widths.

    Source: Vovk, Gammerman and Shafer (2005); Lei et al. (2018), split conformal prediction.
    """
    began = time.perf_counter()
    seen = question.train - min(CALIBRATION, question.train // 3)
    model = MODELS["auto_arima"]().fit(y=question.series[:seen])
    origins = range(seen - 1, question.train - question.horizon)
    middle = question.levels.index(0.5)
    points = forecast_at(model, question, origins)[..., middle]  # (origins, horizon)
    leads = np.arange(1, question.horizon + 1)
    errors = np.abs(question.series[np.asarray(origins)[:, None] + leads] - points)
    seconds = time.perf_counter() - began
    centre = base.forecast[..., middle]
    columns = [centre + half_width(errors, level) for level in question.levels]
    return Answer(
        forecast=np.stack(columns, axis=-1),
        fit_seconds=base.fit_seconds + seconds,
        levels=question.levels,
    )


def half_width(errors: Floats, level: float) -> Floats:
    """Return how far a quantile lies from the point, signed: (origins, horizon) to (horizon,).

    Of n calibration errors the ceil((n + 1) * share)-th is taken, the largest at most.
    """
    share = abs(1 - 2 * level)
    if share == 0:
        return np.zeros(errors.shape[1])
    count = len(errors)
    place = min(int(np.ceil(share * (count + 1))), count) - 1
    return np.sign(level - 0.5) * np.sort(errors, axis=0)[place]


def main(folder: Path) -> None:
    """Answer the question of a folder with every model."""
    question = Question.read(folder)
    answers = {name: answer(name, question) for name in MODELS}
    answers["auto_arima_conformal"] = conformal(question, answers["auto_arima"])
    write_answers(folder / "statistical", answers)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
