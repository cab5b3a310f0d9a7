"""Do one step of a survey for one station: land, check, draw, judge, forecast; nothing is kept."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_checks.gate import admit
from data_checks.partitions import load_partition, partition, save_partition
from forecasting.climate.assembling import Assembly, assemble
from forecasting.climate.candidate import Trial
from forecasting.climate.drawing import Budget, draw
from forecasting.climate.drawn import DrawnFitting
from forecasting.climate.export import GraphForecaster, write_graph
from forecasting.climate.gate import Verdict, judge
from forecasting.climate.model import LEVELS
from forecasting.climate.pooling import GLOBAL
from forecasting.climate.series import ClimateSeries
from forecasting.climate.sharing import Span
from forecasting.climate.windows import Blocks
from forecasting.recurrent import trainable
from forecasting.stores.files import write_bytes, write_json
from forecasting.stores.published import CARD, GRAPH, ModelCard, write_manifest
from forecasting.stores.stations import write_station
from pipelines.admitting import require_accepted, station_record, with_earlier
from pipelines.sources.landing import land
from pipelines.survey.folder import Survey, keep_run, part_of, share_of, window_of
from pipelines.survey.together import fitting_of, standards_of
from pipelines.survey.windows import write_parts

#: What a step tells of a station.
Told = dict[str, Any]


def land_station(survey: Survey, station: str) -> Told:
    """Land a station's files; tells how many bytes they have."""
    files = land(part_of(survey, station), survey.settings)
    write_json(survey.of_station("landed", station), [str(file.path) for file in files])
    return {"bytes": sum(file.path.stat().st_size for file in files)}


def check_station(survey: Survey, station: str) -> Told:
    """Put a station through the data checks and keep its rows; tells when they are.

    Raises:
        DataRefused: the checks refused them.
        SeriesTooShort: too few for the blocks.
    """
    part = part_of(survey, station)
    files = [Path(each) for each in json.loads(survey.of_station("landed", station).read_bytes())]
    admission = admit(part, files, reports=survey.home / "reports")
    series = require_accepted(part, part.place.name, admission)
    blocks = Blocks.of(len(series), window_of(part))
    save_partition(survey.admitted, admission)
    record = station_record(part, series, admission)
    write_station(survey.home, with_earlier(survey.settings, record, part))
    return {
        "timezone": series.station.timezone,
        "rows": len(series),
        "own": asdict(Span.of(series, blocks, one_zone=False)),
        "labelled": asdict(Span.of(series, blocks, one_zone=True)),
    }


def draw_station(survey: Survey, station: str) -> Told:
    """Draw a station's part of the budget and keep it; tells how many windows that are."""
    _, content = share_of(survey, station)
    parts = dict(draw(fitting_of(survey, station), Budget(**content["budget"])))
    write_parts(survey.folder, station, parts)
    return {"windows": sum(len(each.train) + len(each.stop) for each in parts.values())}


def judge_station(survey: Survey, station: str) -> Told:
    """Let a station read the shared weights, export its graph, judge it on its gate block."""
    own = fitting_of(survey, station)
    fitting = DrawnFitting(**vars(own), standards=standards_of(survey))
    series, window, folder = own.series, own.window, survey.model(station)
    assembly = assemble(fitting, survey.weights)
    write_graph(assembly.blend, window, len(series.variables), folder / GRAPH)
    trial = Trial(
        series=series, window=window, blocks=Blocks.of(len(series), window), levels=LEVELS
    )
    verdict = judge(trial.evidence(folder / GRAPH, None))
    # Python's own NaN is let through here: a station may be refused for it.
    said = json.dumps(verdict.to_json(), ensure_ascii=False).encode()
    write_bytes(survey.of_station("verdicts", station), said)
    write_json(folder / CARD, asdict(_card(survey, fitting, assembly, trial, verdict)))
    write_manifest(folder)
    evidence = verdict.evidence
    name, rival = evidence.best_rival
    return {
        "promoted": verdict.promoted,
        "mean_mae": evidence.candidate.mean_mae,
        "best_rival": name,
        "rival_mae": rival.mean_mae,
    }


def _card(
    survey: Survey, fitting: DrawnFitting, assembly: Assembly, trial: Trial, verdict: Verdict
) -> ModelCard:
    """Return the card of a station's graph; it has no run, because a survey registers nothing."""
    series, window = trial.series, trial.window
    return ModelCard(
        model=part_of(survey, series.station.name).model,
        station=series.station.name,
        target=series.target,
        unit=series.variables[series.target_column].unit,
        variables=series.names,
        history=window.history,
        horizon=window.horizon,
        levels=trial.levels,
        step_seconds=int(series.step.total_seconds()),
        cell=f"{GLOBAL}{survey.cell}",
        members=fitting.recipe.members,
        parameters=trainable(assembly.blend),
        trained_through=trial.trained_through,
        data_sha256=series.sha256,
        run_id=f"survey-{survey.name}",
        skill_horizon=verdict.skill_horizon,
    )


def forecast_station(survey: Survey, station: str) -> Told:
    """Forecast after a station's last row and keep it; a graph of its own, so a call of its own."""
    series, part = load_partition(survey.admitted, station), part_of(survey, station)
    history = series.rows(len(series) - part.history, len(series))
    graph = GraphForecaster(survey.model(station) / GRAPH)
    quantiles = graph(history.values[np.newaxis], history.seconds[-1:])[0]
    frame = pd.DataFrame({"time": _labels_ahead(series, len(quantiles))})
    for place, level in enumerate(LEVELS):
        frame[f"q{level:g}"] = quantiles[:, place]
    frame["run"] = survey.run
    path = partition(survey.forecasts, station) / "forecast.parquet"
    write_bytes(path, frame.to_parquet(engine="pyarrow", index=False))
    keep_run(survey, station)
    return {"origin": series.end.date().isoformat(), "median": float(quantiles[0, 4])}


def _labels_ahead(series: ClimateSeries, steps: int) -> list[np.datetime64]:
    """Return the labels of the steps that follow a series."""
    ahead = [series.label(len(series) + place).replace(tzinfo=None) for place in range(steps)]
    return [np.datetime64(label, "us") for label in ahead]
