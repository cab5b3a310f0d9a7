"""Train a registered version again from what was recorded, in a scratch folder of its own."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from data_checks.admissions import load_admitted
from data_checks.text_admissions import load_text
from forecasting.climate.recipe import recipe_of
from forecasting.settings import Settings
from forecasting.stores.files import write_json
from forecasting.stores.published import ModelCard
from pipelines.fitting import fit_beside
from pipelines.inputs import as_json
from pipelines.judging import export_candidate
from pipelines.pooled import POOL, SHARE, is_global
from pipelines.progress import Watch
from pipelines.refitting import plan_of_refit
from pipelines.texts.judging import MODEL, assemble
from pipelines.texts.workspace import TextPlan, open_text_workspace
from pipelines.workspace import PLAN, plan_of

#: What the child process of a language model's network runs.
TEXT_FITTING = "pipelines.texts.fitting"


def is_text(model: str) -> bool:
    """Say whether a registered model is a language model, by its name."""
    return model.startswith("language-")


def present_recipe(model: str, plan: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return what a recorded plan's preset means today, as JSON.

    Raises:
        ModelInvalid: there is no such preset any more.
    """
    recipe = TextPlan(**plan).recipe if is_text(model) else recipe_of(plan["preset"])
    return as_json(asdict(recipe))


def require_data(settings: Settings, model: str, inputs: dict[str, Any]) -> None:
    """Refuse where an admitted series or text is missing, of every station of a pool.

    Raises:
        DataUnchecked: it is not here, or was changed.
    """
    if is_text(model):
        load_text(settings.root, inputs["plan"]["data_sha256"])
        return
    pooled = [each["plan"] for each in (inputs["pool"] or {}).values()]
    for plan in (inputs["plan"], *pooled):
        load_admitted(settings.root, plan["data_sha256"])


def train_again(
    settings: Settings, card: ModelCard, inputs: dict[str, Any], scratch: Path, watch: Watch
) -> Path:
    """Train and export a climate version's candidate; returns its folder.

    Args:
        settings: the home folder, from which the admitted data are read; it is not written to.
        card: of the version.
        inputs: what `logged_inputs` read.
        scratch: an empty folder.
        watch: hears of every epoch.

    Raises:
        DataUnchecked: the data are not here, or were changed.
        FittingFailed: the training came to no model.
    """
    plan = plan_of(inputs["plan"])
    if is_global(card.cell):
        home = _lay_out_pool(inputs["pool"], scratch)[plan.station]
        fit_beside(settings, scratch, card.cell, watch)
        path = home / card.cell
    else:
        plan = plan_of_refit(settings, plan) if card.refit else plan
        write_json(scratch / PLAN, asdict(plan))
        path = fit_beside(settings, scratch, card.cell, watch)
    export_candidate(settings, plan, path)
    return path


def _lay_out_pool(pool: dict[str, Any], scratch: Path) -> dict[str, Path]:
    """Write the plans and shares of a pool's stations as `arrange` does; returns their folders."""
    folders = {name: scratch / "stations" / name for name in pool}
    for name, each in pool.items():
        write_json(folders[name] / PLAN, each["plan"])
        write_json(folders[name] / SHARE, each["share"])
    write_json(scratch / POOL, {name: str(folder) for name, folder in folders.items()})
    return folders


def train_text_again(
    settings: Settings, inputs: dict[str, Any], scratch: Path, watch: Watch
) -> Path:
    """Train and put together a language model's members; returns the model's folder.

    Raises:
        DataUnchecked: the text is not here, or was changed.
        FittingFailed: a training came to no model.
    """
    plan = TextPlan(**inputs["plan"])
    folder = open_text_workspace(scratch, plan)
    for name in plan.members:
        fit_beside(settings, folder, name, watch, TEXT_FITTING)
    assemble(folder, plan, plan.text(settings.root))
    return folder / MODEL
