"""The lecture's flow: land, admit, train the lecture's model, log it beside its predictions."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from prefect import flow, task
from prefect.runtime import flow_run

from data_checks.admissions import load_admitted
from forecasting.climate.export import write_graph
from forecasting.climate.lecture import (
    HISTORY,
    LEAK,
    LectureData,
    LectureForecaster,
    LectureModel,
    fit_lecture,
    layer_table,
    predict_test,
    prepare,
)
from forecasting.climate.recipe import SEED
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import WindowSpec
from forecasting.recurrent import trainable
from forecasting.settings import load_settings
from forecasting.stores.liveness import claimed
from forecasting.stores.published import GRAPH, WEIGHTS, ModelCard
from forecasting.stores.registry.versions import Registration, connect, register, store_errors
from forecasting.training.exporting import write_weights
from forecasting.training.loop import Fit
from forecasting.training.machine import one_thread
from pipelines import plots, recording, tracking
from pipelines.catalogue import find_dataset
from pipelines.climate import admit, land
from pipelines.progress import watching
from pipelines.workspace import only_run

EPOCHS = 100


@flow(name="climate-lecture", flow_run_name="lecture-{dataset}")
def retrain_lecture(
    dataset: str = "delhi",
    csv: Sequence[str] = (),
    seed: int = SEED,
    as_lectured: bool = False,  # noqa: FBT001, FBT002 - Prefect passes parameters by name
) -> dict[str, Any]:
    """Train the lecture's model on one station, report it honestly, register it apart."""
    settings = load_settings()
    station = find_dataset(dataset).place.name
    with (
        claimed(settings.root, flow_run.id),
        only_run(settings, station),
        recording.parent_run(settings, station, "lecture", seed) as run,
    ):
        files = land(dataset, csv)
        data_sha256 = admit(dataset, files, run)
        return fit_and_log(data_sha256, seed, as_lectured, run)


@task
def fit_and_log(data_sha256: str, seed: int, as_lectured: bool, run_id: str) -> dict[str, Any]:  # noqa: FBT001 - Prefect passes parameters by name
    """Train on one thread, log epochs, table and plots, register; returns the report."""
    settings = load_settings()
    one_thread()
    series = load_admitted(settings.root, data_sha256)
    data = prepare(series, as_lectured=as_lectured)
    folder = settings.root / "runs" / f"lecture-{data_sha256[:16]}-{seed}-{int(as_lectured)}"
    watch = watching.get()

    model, fit = fit_lecture(
        data,
        seed,
        EPOCHS,
        checkpoints=folder,
        watch=lambda epoch: watch({"cell": "lecture", "member": 0, **asdict(epoch)}),
    )
    report = lecture_report(model, data, as_lectured=as_lectured)
    client = connect(settings)
    log_training(client, run_id, series, data, fit)
    tracking.log_metrics(client, run_id, tracking.flat_metrics(report["metrics"], "test"))
    log_predictions(client, run_id, model, data)
    version = register_lecture(client, series, data, model, report | {"run_id": run_id})
    for left in folder.glob("*"):
        left.unlink()
    return (
        report
        | {"run_id": run_id, "model": f"climate-{series.station.name}-lecture"}
        | {
            "version": version,
            "promoted": False,
        }
    )


def lecture_report(model: LectureModel, data: LectureData, *, as_lectured: bool) -> dict[str, Any]:
    """Return shapes, parameters, layers and errors on the test quarter, and what they are worth."""
    error = predict_test(model, data) - data.actual
    persistence = data.actual - (data.test_inputs[:, -1, 0] * data.unit_range + data.low)
    train_shapes, test_shapes = data.shapes
    honest = "Scaler and training have seen only the rows before the test quarter."
    return {
        "as_lectured": as_lectured,
        "verdict": LEAK if as_lectured else honest,
        "parameters": trainable(model),
        "layers": [list(row) for row in layer_table(model)],
        "train_shapes": train_shapes,
        "test_shapes": test_shapes,
        "metrics": {
            "mae": float(np.abs(error).mean()),
            "rmse": float(np.sqrt(np.square(error).mean())),
            "persistence_mae": float(np.abs(persistence).mean()),
            "persistence_rmse": float(np.sqrt(np.square(persistence).mean())),
        },
    }


def log_training(
    client: MlflowClient, run_id: str, series: ClimateSeries, data: LectureData, fit: Fit
) -> None:
    """Log the data version, the scaler, and the loss of every epoch."""
    tracking.set_tags(client, run_id, {"data_sha256": series.sha256, "preset": "lecture"})
    tracking.log_params(client, run_id, {"epochs": EPOCHS, "low": data.low, "high": data.high})
    tracking.log_series(
        client,
        run_id,
        {
            "loss": [epoch.loss for epoch in fit.history],
            "train_mae": [epoch.score for epoch in fit.history],
        },
    )


def log_predictions(
    client: MlflowClient, run_id: str, model: LectureModel, data: LectureData
) -> None:
    """Log the table of predictions beside actuals, and its plot."""
    predicted = predict_test(model, data)
    days = np.datetime_as_string(data.dates.astype("datetime64[s]"), unit="D")
    table = {
        "date": days.tolist(),
        "predicted": [float(value) for value in predicted],
        "actual": [float(value) for value in data.actual],
    }
    with store_errors():
        client.log_table(run_id, table, "predictions.json")
        figure = plots.plot_lecture(data.dates, predicted, data.actual)
        client.log_figure(run_id, figure, "plots/predictions.png")


def register_lecture(
    client: MlflowClient,
    series: ClimateSeries,
    data: LectureData,
    model: LectureModel,
    report: dict[str, Any],
) -> int:
    """Register the lecture's model under its own name, which is never promoted."""
    station, variable = series.station.name, series.variables[series.target_column]
    last = len(series) if report["as_lectured"] else int(0.75 * len(series))
    card = ModelCard(
        model=f"climate-{station}-lecture",
        station=station,
        target=series.target,
        unit=variable.unit,
        variables=(series.target,),
        history=HISTORY,
        horizon=1,
        levels=(0.5,),
        step_seconds=int(series.step.total_seconds()),
        cell="lstm",
        members=1,
        parameters=report["parameters"],
        trained_through=series.label(last - 1).date().isoformat(),
        data_sha256=series.sha256,
        run_id=report["run_id"],
    )
    metrics = report["metrics"]
    description = (
        f"# The lecture's LSTM on {station}\n\n{report['verdict']}\n\n"
        f"Test quarter, one day ahead: MAE {metrics['mae']:.3f}, RMSE {metrics['rmse']:.3f} "
        f"{variable.unit}; persistence {metrics['persistence_mae']:.3f} and "
        f"{metrics['persistence_rmse']:.3f}. {report['parameters']} parameters. "
        "Kept for teaching: it is never promoted.\n"
    )
    tags = {
        "station": station,
        "preset": "lecture",
        "as_lectured": str(report["as_lectured"]),
        "data_sha256": series.sha256,
    }
    with tempfile.TemporaryDirectory() as scratch:
        graph, weights = Path(scratch) / GRAPH, Path(scratch) / WEIGHTS
        forecaster = LectureForecaster(model, data)
        write_graph(forecaster, WindowSpec(history=HISTORY, horizon=1), 1, graph)
        write_weights(forecaster, weights)
        return register(
            client,
            graph=graph,
            weights=weights,
            card=card,
            registration=Registration(description=description, tags=tags),
        )
