"""Train a version again and compare: the same weights, or which of its inputs is another now."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from forecasting.errors import GatecastError
from forecasting.settings import Settings
from forecasting.stores.published import read_card
from forecasting.stores.registry.versions import Version, fetch
from pipelines.alikeness import Alikeness, compare_climate, compare_text
from pipelines.inputs import logged_inputs
from pipelines.progress import Watch
from pipelines.provenance import flat, training_environment
from pipelines.retraining import (
    is_text,
    present_recipe,
    require_data,
    train_again,
    train_text_again,
)

NOT_RECORDED = "not recorded"

#: Inputs that may be others while there is still something to train: of the environment.
BESIDE = ("code_version", "lock_sha256", "python", "library.", "processor.")


class ReproductionImpossible(GatecastError):
    """The version's run does not say what it was trained from."""

    code = "REPRODUCTION_IMPOSSIBLE"


@dataclass(frozen=True, kw_only=True)
class Input:
    """One thing that the weights depend on: as it was recorded, and as it is now."""

    name: str
    recorded: str
    now: str

    @property
    def differs(self) -> bool:
        """Whether it was recorded and is another now."""
        return NOT_RECORDED not in (self.recorded, self.now) and self.recorded != self.now


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What came of it. `alikeness` is None where nothing could be trained, which `why` says."""

    version: str
    inputs: tuple[Input, ...]
    alikeness: Alikeness | None
    why: str | None = None

    @property
    def same(self) -> bool:
        """Whether the same weights came out, and a graph that says the same."""
        return self.alikeness is not None and self.alikeness.same

    @property
    def sentence(self) -> str:
        """The result in words, with the inputs that explain it."""
        differing = [
            f"{each.name} (recorded {each.recorded}, now {each.now})"
            for each in self.inputs
            if each.differs
        ]
        unknown = [each.name for each in self.inputs if each.recorded == NOT_RECORDED]
        parts = [f"{'Same' if self.same else 'Not the same'}: {self._measured}."]
        if differing:
            parts.append(f"Other than recorded: {', '.join(differing)}.")
        elif not self.same:
            parts.append("Every recorded input is as it was.")
        if unknown:
            parts.append(f"Not recorded: {', '.join(unknown)}.")
        return " ".join(parts)

    @property
    def _measured(self) -> str:
        return self.why or (self.alikeness.sentence if self.alikeness else "nothing was trained")

    def to_json(self) -> dict[str, Any]:
        """Return what `gatecast models reproduce V --json` prints."""
        return {
            "version": self.version,
            "same": self.same,
            "sentence": self.sentence,
            "inputs": [{**vars(each), "differs": each.differs} for each in self.inputs],
            "weights": None if self.alikeness is None else vars(self.alikeness),
        }


def reproduce(
    settings: Settings, client: MlflowClient, version: Version, scratch: Path, watch: Watch
) -> Reproduction:
    """Train a version again from recorded data, seeds and plan; compare weights and graph.

    Neither the registry nor a pointer is touched: everything is written to the scratch folder.

    Args:
        settings: the home folder, with the admitted data.
        client: the open store.
        version: what is trained again.
        scratch: an empty folder.
        watch: hears of every epoch.

    Raises:
        ReproductionImpossible: its plan was not recorded.
        ManifestMismatch: the version's own files are not whole.
        FittingFailed: the training came to no model.
    """
    recorded = logged_inputs(client, version)
    if recorded["plan"] is None:
        raise ReproductionImpossible(
            f"{version.name} does not say what it was trained from",
            expected="a run with its plan",
            found=NOT_RECORDED,
        )
    files = fetch(client, version.model, version.version, scratch / "version")
    inputs = (
        *plan_inputs(settings, version.model, recorded),
        *environment_inputs(recorded["environment"], training_environment(trains=True)),
    )
    missing = [each.name for each in inputs if each.differs and not each.name.startswith(BESIDE)]
    if missing:
        why = f"not trained, for want of the same {', '.join(missing)}"
        return Reproduction(version=version.name, inputs=inputs, alikeness=None, why=why)
    again = scratch / "again"
    if is_text(version.model):
        alikeness = compare_text(files, train_text_again(settings, recorded, again, watch))
    else:
        card = read_card(files)
        path = train_again(settings, card, recorded, again, watch)
        alikeness = compare_climate(files, path, card)
    return Reproduction(version=version.name, inputs=inputs, alikeness=alikeness)


def plan_inputs(settings: Settings, model: str, recorded: dict[str, Any]) -> Iterator[Input]:
    """Yield the data, the seed and every value of the recipe, as recorded and as they are now."""
    plan, recipe = recorded["plan"], recorded["recipe"]
    digest = str(plan["data_sha256"])
    try:
        require_data(settings, model, recorded)
    except GatecastError as error:
        yield Input(name="data_sha256", recorded=digest, now=f"{error.code}: {error.message}")
    else:
        yield Input(name="data_sha256", recorded=digest, now=digest)
    for name in ("preset", "seed"):
        yield Input(name=name, recorded=str(plan[name]), now=str(plan[name]))
    try:
        now = present_recipe(model, plan)
    except GatecastError:
        yield Input(name="recipe", recorded=plan["preset"], now="no such preset")
        return
    if recipe is None:
        yield Input(name="recipe", recorded=NOT_RECORDED, now=plan["preset"])
        return
    for name in sorted(recipe.keys() | now.keys()):
        before, after = recipe.get(name, NOT_RECORDED), now.get(name, "none")
        yield Input(name=f"recipe.{name}", recorded=str(before), now=str(after))


def environment_inputs(recorded: dict[str, Any], now: dict[str, Any]) -> Iterator[Input]:
    """Yield code, lock file, libraries and processor, as recorded and as they are now."""
    before = flat(recorded)
    for name, value in flat(now).items():
        yield Input(name=name, recorded=before.get(name, NOT_RECORDED), now=value)
