"""After the judgement: train what passed the gate on all rows as well, where its dataset asks."""

from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter

from data_checks.admissions import load_admitted
from forecasting.climate.refit import RefitVerdict, judge_refit
from forecasting.climate.windows import Blocks
from forecasting.errors import GatecastError
from forecasting.faults import reach
from forecasting.settings import Settings
from forecasting.stores.files import write_json
from forecasting.stores.published import GRAPH
from forecasting.stores.registry.versions import connect, store_errors
from pipelines.fitting import fit_beside
from pipelines.judging import Judgement, export_candidate, trial_of
from pipelines.pooled import is_global
from pipelines.progress import Watch
from pipelines.tracking import set_tags
from pipelines.workspace import PLAN, Plan, read_plan

#: The folder beside the candidates in which one is trained on all rows, and what came of it.
REFIT, OUTCOME = "refit", "refit.json"


class RefitImpossible(GatecastError):
    """The candidate is of a kind that is not trained again on all rows."""

    code = "REFIT_IMPOSSIBLE"


def refit_candidate(
    settings: Settings, folder: Path, judgement: Judgement, run_id: str, watch: Watch
) -> RefitVerdict | None:
    """Train the judged recipe on all rows, compare, and log; None where nothing asks for it.

    A refit that fails is a refused one: what was judged is promoted then.
    """
    plan = read_plan(folder)
    (folder / OUTCOME).unlink(missing_ok=True)  # of a run that was killed after its refit
    if not plan.refit or not judgement.verdict.promoted:
        return None
    try:
        _require_own(judgement.cell)
        path = _fit(settings, folder, judgement.cell, watch)
    except GatecastError as error:
        sentence = f"The refit on all rows was refused: {error.code}: {error}"
        verdict = RefitVerdict(accepted=False, sentence=sentence)
    else:
        reach("refit.trained")
        judged = folder / judgement.cell / GRAPH
        verdict = judge_refit(trial_of(settings, plan), judged, path / GRAPH)
    write_json(folder / OUTCOME, asdict(verdict))
    reach("refit.written")
    client = connect(settings)
    set_tags(client, run_id, {"refit": verdict.sentence[:5000]})
    with store_errors():
        client.log_artifact(run_id, str(folder / OUTCOME))
    return verdict


def _require_own(cell: str) -> None:
    """Refuse a candidate of several stations: its refit would be a training of all of them.

    Raises:
        RefitImpossible: its weights are shared.
    """
    if is_global(cell):
        raise RefitImpossible(
            "a global candidate is not trained again for one of its stations",
            expected="a station's own candidate",
            found=cell,
        )


def _fit(settings: Settings, folder: Path, cell: str, watch: Watch) -> Path:
    """Train and export one cell with every row in the train block; returns its folder."""
    plan = plan_of_refit(settings, read_plan(folder))
    write_json(folder / REFIT / PLAN, asdict(plan))
    path = fit_beside(
        settings,
        folder / REFIT,
        cell,
        lambda told: watch({**told, "cell": f"{cell} on all rows"}),
    )
    export_candidate(settings, plan, path)
    return path


def plan_of_refit(settings: Settings, plan: Plan) -> Plan:
    """Return the same plan with every row in the train block, and so in its folds."""
    rows = len(load_admitted(settings.root, plan.data_sha256))
    return replace(plan, blocks=Blocks(train=rows, gate=rows), refit=False)


def read_refit(folder: Path) -> RefitVerdict | None:
    """Read what came of the refit; None where there was none."""
    path = folder / OUTCOME
    if not path.is_file():
        return None
    return TypeAdapter(RefitVerdict).validate_json(path.read_bytes())


def promoted_files(folder: Path, judgement: Judgement) -> Path:
    """Return the folder of the graph that is promoted: the refit's where it was accepted."""
    refit = read_refit(folder)
    accepted = refit is not None and refit.accepted
    return (folder / REFIT if accepted else folder) / judgement.cell
