"""The middle of a retraining: export each candidate, choose one, judge it, log everything."""

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from pydantic import TypeAdapter

from data_checks.admissions import load_admitted
from forecasting.climate.assembling import Assembly, assemble
from forecasting.climate.backtest import Scores
from forecasting.climate.candidate import Champion, Trial
from forecasting.climate.choosing import shared_losses
from forecasting.climate.export import GraphForecaster, write_graph
from forecasting.climate.gate import Verdict, judge
from forecasting.climate.members import write_members
from forecasting.climate.model import LEVELS
from forecasting.errors import Diverged, VersionUnknown
from forecasting.recurrent import trainable
from forecasting.settings import Settings
from forecasting.stores.files import write_bytes
from forecasting.stores.published import GRAPH, WEIGHTS, read_card
from forecasting.stores.registry.aliases import CHAMPION, alias_of
from forecasting.stores.registry.versions import connect, fetch, store_errors
from forecasting.training.machine import one_thread
from pipelines import plots, tracking
from pipelines.pooled import fitting_of, is_global, pooled_stations
from pipelines.workspace import Plan, read_plan

JUDGEMENT = "judgement.json"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The chosen candidate, its verdict, and how all candidates stood.

    `losses` are the pinball losses by which it was chosen, at the origins that every candidate
    held out; `blend` says how
    it mixes members and rivals, and on how many origins that and its intervals rest;
    `leaderboard` the scores on the gate block; `runs` the MLflow run of each candidate;
    `stations` those that share its weights, where it is a global one.
    """

    cell: str
    verdict: Verdict
    losses: dict[str, float]
    blend: dict[str, Any]
    leaderboard: dict[str, Scores]
    runs: dict[str, str]
    parameters: int
    champion: int | None
    stations: tuple[str, ...] = ()


def trial_of(settings: Settings, plan: Plan) -> Trial:
    """Return what every candidate of a plan is judged on."""
    return Trial(
        series=load_admitted(settings.root, plan.data_sha256),
        window=plan.window,
        blocks=plan.blocks,
        levels=LEVELS,
    )


def judge_candidates(
    settings: Settings, folder: Path, candidates: Sequence[Path], parent: str
) -> Judgement:
    """Export, choose at held-out origins, judge on the gate block, log a run each.

    Raises:
        Diverged: no candidate's forecast was finite at its held-out origins.
    """
    one_thread()
    plan = read_plan(folder)
    trial = trial_of(settings, plan)
    client = connect(settings)
    assemblies = {path.name: export_candidate(settings, plan, path) for path in candidates}
    losses = shared_losses({cell: each.losses for cell, each in assemblies.items()})
    chosen = min(losses, key=lambda cell: losses[cell])
    if not math.isfinite(losses[chosen]):
        raise Diverged(
            "no candidate gave a finite forecast", expected="a finite loss", found=str(losses)
        )
    champion, verdict = judge_against_champion(settings, trial, plan.model, folder / chosen / GRAPH)
    leaderboard, runs = {}, {}
    for path in candidates:
        quantiles = GraphForecaster(path / GRAPH).at(trial.gate)
        leaderboard[path.name] = trial.score(trial.gate, quantiles)
        runs[path.name] = log_candidate(client, settings, plan, path, parent)
        scores = leaderboard[path.name].to_json() | {"held_out_pinball": losses[path.name]}
        tracking.log_metrics(client, runs[path.name], tracking.flat_metrics(scores, "gate"))
        log_plots(client, runs[path.name], trial, path, verdict)
        tracking.end_run(client, runs[path.name])
    return Judgement(
        cell=chosen,
        verdict=verdict,
        losses=losses,
        blend=assemblies[chosen].to_json(),
        leaderboard=leaderboard,
        runs=runs,
        parameters=trainable(assemblies[chosen].blend),
        champion=champion,
        stations=pooled_stations(folder) if is_global(chosen) else (),
    )


def export_candidate(settings: Settings, plan: Plan, path: Path) -> Assembly:
    """Blend a candidate's members and write its graph and weights beside them."""
    assembly = assemble(fitting_of(settings.root, plan, path), path)
    series = load_admitted(settings.root, plan.data_sha256)
    write_graph(assembly.blend, plan.window, len(series.variables), path / GRAPH)
    write_members(assembly.blend, path / WEIGHTS)
    return assembly


def judge_against_champion(
    settings: Settings,
    trial: Trial,
    model: str,
    graph: Path,
    *,
    itself: int | None = None,
    trained_through: str | None = None,
) -> tuple[int | None, Verdict]:
    """Judge a graph against the rivals and the present champion; returns that and the verdict.

    Args:
        settings: where the registry is.
        trial: the origins.
        model: the registered model's name.
        graph: the candidate's ONNX file.
        itself: the candidate's version where it is registered already: a champion is not
            asked to be better than itself.
        trained_through: the candidate's last row, where it was not trained in this trial.
    """
    client = connect(settings)
    with tempfile.TemporaryDirectory() as scratch:
        version = alias_of(client, model, CHAMPION)
        champion = None
        if version is not None and version != itself:
            files = fetch(client, model, version, Path(scratch))
            champion = Champion(version=version, graph=files / GRAPH, card=read_card(files))
            champion = or_its_stand_in(client, trial, champion, Path(scratch))
        return version, judge(trial.evidence(graph, champion, trained_through))


def or_its_stand_in(
    client: MlflowClient, trial: Trial, champion: Champion, scratch: Path
) -> Champion:
    """Let the version that was judged answer for a champion that has since seen all rows.

    The champion itself is asked wherever it has not seen enough of the gate's origins; and where
    its judged version has been deleted, so that candidates wait for rows that are new to it.
    """
    judged = champion.card.judged_version
    if judged is None or not champion.reads(trial) or champion.unseen(trial) is not None:
        return champion
    try:
        files = fetch(client, champion.card.model, judged, scratch)
    except VersionUnknown:
        return champion
    return replace(champion, graph=files / GRAPH, card=read_card(files), stand_in=judged)


def log_candidate(
    client: MlflowClient, settings: Settings, plan: Plan, path: Path, parent: str
) -> str:
    """Open a candidate's run and log its parameters and every epoch of every member."""
    with store_errors():
        experiment = client.get_run(parent).info.experiment_id
    run_id = tracking.start_run(client, experiment, f"{plan.label} {path.name}", parent=parent)
    fitting = fitting_of(settings.root, plan, path)
    tracking.log_params(client, run_id, fitting.parameters())
    tracking.set_tags(
        client,
        run_id,
        {"station": plan.station, "cell": path.name, "data_sha256": plan.data_sha256},
    )
    for position, fit in enumerate(_histories(path).values()):
        epochs = fit["history"]
        names = ("loss", "score", "norm", "largest_norm", "clipped_norm", "learning_rate")
        series = {f"member_{position}/{name}": [each[name] for each in epochs] for name in names}
        tracking.log_series(client, run_id, series)
    return run_id


def log_plots(
    client: MlflowClient, run_id: str, trial: Trial, path: Path, verdict: Verdict
) -> None:
    """Draw and log what a reviewer looks at first."""
    gate = trial.gate
    quantiles = GraphForecaster(path / GRAPH).at(gate)
    unit = trial.series.variables[trial.series.target_column].unit
    scores = trial.score(gate, quantiles)
    median = quantiles[..., trial.levels.index(0.5)]
    figures = {
        "loss": plots.plot_loss(_histories(path)),
        "predictions": plots.plot_predictions(gate, quantiles, trial.levels, unit),
        "skill_by_lead": plots.plot_skill(scores, verdict.evidence.rivals),
        "residuals": plots.plot_residuals(gate, median, unit),
    }
    with store_errors():
        for name, figure in figures.items():
            client.log_figure(run_id, figure, f"plots/{name}.png")


def _histories(path: Path) -> dict[str, Any]:
    histories: dict[str, Any] = json.loads((path / "history.json").read_bytes())
    return histories


def write_judgement(folder: Path, judgement: Judgement) -> Path:
    """Write the whole judgement into the folder, for the steps that follow."""
    # Python's own NaN is let through here: a candidate may be refused for it.
    write_bytes(folder / JUDGEMENT, json.dumps(asdict(judgement)).encode())
    return folder / JUDGEMENT


def read_judgement(folder: Path) -> Judgement:
    """Read what `write_judgement` wrote."""
    return TypeAdapter(Judgement).validate_json((folder / JUDGEMENT).read_bytes())
