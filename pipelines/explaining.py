"""Explain a version's forecast: find its files and its station's days, draw, log with the run."""

import io
import json
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from data_checks.admissions import load_admitted
from forecasting.climate.explain import Explanation, explain, origin_row
from forecasting.climate.export import GraphForecaster
from forecasting.climate.members import blend_of
from forecasting.climate.series import ClimateSeries
from forecasting.errors import GatecastError, ModelInvalid
from forecasting.settings import Settings
from forecasting.stores.published import GRAPH, read_card
from forecasting.stores.registry.aliases import CHAMPION
from forecasting.stores.registry.versions import Version, connect, fetch, resolve, store_errors
from forecasting.stores.stations import climate_model, read_station
from forecasting.training.machine import one_thread
from pipelines import tracking
from pipelines.explanation_plot import plot_explanation
from pipelines.judging import Judgement
from pipelines.recording import finite
from pipelines.refitting import promoted_files
from pipelines.workspace import read_plan

#: Where a run keeps its champion's explanation.
FIGURE, CONTENT = "plots/explanation.png", "explanation.json"


def find_version(client: MlflowClient, name: str) -> Version:
    """Find a version by station, model, `model/3` or `model@alias`; the champion by default.

    Raises:
        VersionUnknown: there is no such model, version or alias.
    """
    if "/" in name or "@" in name:
        return resolve(client, name)
    model = name if name.startswith("climate-") else climate_model(name)
    return resolve(client, f"{model}@{CHAMPION}")


def explain_version(
    settings: Settings, client: MlflowClient, version: Version, day: date | None
) -> Explanation:
    """Explain the forecast that a version makes at a day of its station's newest admitted data.

    Args:
        settings: where things are kept.
        client: the open store.
        version: what `find_version` found.
        day: the origin; the last admitted day when None.

    Raises:
        StationUnknown, DataUnchecked: the station's data is not here.
        ManifestMismatch: the version's files are not whole.
        ModelInvalid: the version cannot be explained, or does not read the station's data.
        WindowError: the day has no whole history.
    """
    with tempfile.TemporaryDirectory() as scratch:
        files = fetch(client, version.model, version.version, Path(scratch))
        card = read_card(files)
        record = read_station(settings.root, card.station)
        series = load_admitted(settings.root, record.data_of(card.target))
        if series.names != card.variables or series.target != card.target:
            raise ModelInvalid(
                f"{version.name} does not read what {card.station} has now",
                expected=", ".join(card.variables),
                found=", ".join(series.names),
            )
        return explain_files(files, series, day)


def explain_files(files: Path, series: ClimateSeries, day: date | None = None) -> Explanation:
    """Explain the forecast of a folder's graph by the weights beside it.

    Raises:
        ModelInvalid: the weights do not say which networks they belong to.
        WindowError: the day has no whole history.
    """
    one_thread()
    blend = blend_of(files)
    row = origin_row(series, blend.spec.window, day)
    return explain(GraphForecaster(files / GRAPH), blend, series, row)


def png(explanation: Explanation) -> bytes:
    """Return the figure of an explanation as a PNG file's bytes."""
    content = io.BytesIO()
    plot_explanation(explanation).savefig(content, format="png", dpi=110)
    return content.getvalue()


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON can say it: no NaN."""
    content: dict[str, Any] = finite(explanation.to_json())
    return content


def log_candidate(settings: Settings, run_id: str, folder: Path, judgement: Judgement) -> None:
    """Log the explanation of a candidate that has just been promoted, from its workspace."""
    series = load_admitted(settings.root, read_plan(folder).data_sha256)
    log_explanation(settings, run_id, promoted_files(folder, judgement), series)


def log_explanation(settings: Settings, run_id: str, files: Path, series: ClimateSeries) -> None:
    """Log a new champion's forecast at the last admitted day: the figure and its numbers.

    The promotion has happened and stands: what cannot be explained leaves a tag that says why.
    """
    client = connect(settings)
    try:
        explanation = explain_files(files, series)
    except GatecastError as error:
        tracking.set_tags(client, run_id, {"explanation": f"{error.code}: {error}"[:5000]})
        return
    text = json.dumps(explanation_json(explanation), allow_nan=False, ensure_ascii=False)
    with store_errors():
        client.log_figure(run_id, plot_explanation(explanation), FIGURE)
        client.log_text(run_id, text, CONTENT)
    length = explanation.gating.memory_length
    tracking.log_metrics(client, run_id, {"explanation/memory_length": length})
    tracking.set_tags(client, run_id, {"explanation": CONTENT})
