"""The lecture's part of `retrain`: its shapes, its table of parameters, its errors."""

import time
from typing import Any

from pipelines.catalogue import resolved
from pipelines.commands.output import print_json, print_line, print_table


def run_lecture(
    name: str, csv: list[str], *, seed: int | None, as_lectured: bool, json: bool
) -> None:
    """Train and report the lecture's model.

    Args:
        name: a shipped dataset, or the path of a TOML file.
        csv: local files to take instead of the declared source.
        seed: the random seed; the shipped one when None.
        as_lectured: train on all rows as the lecture did; this leaks, and the report says so.
        json: print one JSON object.
    """
    began = time.perf_counter()
    from forecasting.climate.recipe import SEED  # noqa: PLC0415 - torch takes seconds
    from pipelines.lecture import EPOCHS, retrain_lecture  # noqa: PLC0415 - prefect takes seconds
    from pipelines.progress import shown  # noqa: PLC0415 - rich only where it is drawn

    with shown(members=1, epochs=EPOCHS):
        report: dict[str, Any] = retrain_lecture(
            dataset=resolved(name),
            csv=csv,
            seed=SEED if seed is None else seed,
            as_lectured=as_lectured,
        )
    report["seconds"] = round(time.perf_counter() - began, 1)
    if json:
        print_json(report)
    else:
        _print_report(report)


def _print_report(report: dict[str, Any]) -> None:
    print_table("The lecture's model", ("layer", "output", "parameters"), report["layers"])
    print_line(f"trainable parameters: {report['parameters']:,}")
    for part in ("train", "test"):
        shapes = " and ".join(str(tuple(shape)) for shape in report[f"{part}_shapes"])
        print_line(f"{part}: {shapes}")
    metrics = report["metrics"]
    print_line(
        f"one day ahead on the test quarter: MAE {metrics['mae']:.3f}, "
        f"RMSE {metrics['rmse']:.3f}; persistence {metrics['persistence_mae']:.3f} "
        f"and {metrics['persistence_rmse']:.3f}"
    )
    print_line(report["verdict"], style="bold yellow" if report["as_lectured"] else "")
    print_line(f"version: {report['model']}/{report['version']}; {report['seconds']} s")
