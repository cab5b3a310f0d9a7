"""Say how a station's forecaster is made: cells, sizes, seeds, training; and make its members."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import load as from_bytes

from forecasting.climate.baselines import fit_baselines
from forecasting.climate.export import write_weights
from forecasting.climate.fitting import MemberTask
from forecasting.climate.model import ClimateForecaster, Ensemble, ForecasterSpec, View
from forecasting.climate.scaling import fit_scaler
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import Blocks, WindowSpec, cut
from forecasting.errors import ModelInvalid
from forecasting.training.loop import Epoch, Fit, TrainingSpec, train

#: Members take turns: those of even seeds read levels, those of odd ones departures.
VIEWS: tuple[View, ...] = ("level", "departure")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A preset: which cells, how large, how many seeds each, and how they are trained."""

    name: str
    members: int
    cells: tuple[str, ...] = ("lstm", "gru")
    widths: tuple[int, ...] = (32,)
    head: int = 32
    dropout: float = 0.1
    batch: int = 64
    training: TrainingSpec = field(
        default=TrainingSpec(
            epochs=40,
            learning_rate=3e-3,
            seed=0,
            weight_decay=1e-3,
            patience=10,
            schedule="cosine",
            warmup=0.1,
        )
    )

    def seeds(self, seed: int) -> range:
        """Return the members' seeds for a run's seed; runs with other seeds share none."""
        return range(1000 * seed, 1000 * seed + self.members)


#: The presets of `gatecast retrain`; the lecture's own model has a module of its own.
RECIPES = {
    "default": Recipe(name="default", members=6),
    "quick": Recipe(name="quick", members=1),
}

#: The shipped seed: what `retrain` uses when none is given.
SEED = 1


def recipe_of(preset: str) -> Recipe:
    """Find a preset.

    Raises:
        ModelInvalid: there is none of that name.
    """
    if preset not in RECIPES:
        raise ModelInvalid("no such preset", expected=", ".join(RECIPES), found=preset)
    return RECIPES[preset]


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """One candidate's work: a cell of a recipe on a series cut into blocks."""

    series: ClimateSeries
    window: WindowSpec
    blocks: Blocks
    recipe: Recipe
    cell: str
    seed: int

    def build(self, seed: int) -> ClimateForecaster:
        """Make a member with the initial weights of its seed."""
        rows, series = self.blocks.train, self.series
        spec = ForecasterSpec(
            cell=self.cell,
            widths=self.recipe.widths,
            variables=len(series.variables),
            target=series.target_column,
            window=self.window,
            step_seconds=int(series.step.total_seconds()),
            dropout=self.recipe.dropout,
            head=self.recipe.head,
            view=VIEWS[seed % len(VIEWS)],
        )
        scaler = fit_scaler(series, rows, self.window.horizon)
        simple = fit_baselines(series, rows, self.window.horizon)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ClimateForecaster(spec, scaler, simple.climatology, simple.damping)

    def fit_member(
        self, seed: int, folder: Path, watch: Callable[[Epoch], None] | None = None
    ) -> Fit:
        """Train one member; its best weights are left in the folder as safetensors.

        A member whose training was cut off is resumed from its last whole checkpoint, and
        one that was finished is not trained again.
        """
        stop = self.blocks.stretch(seed, self.window)
        task = MemberTask(
            self.build(seed),
            cut(self.series, self.window, self.window.origins(0, self.blocks.train)),
            cut(self.series, self.window, self.window.origins(stop.start, stop.stop)),
            self.recipe.batch,
        )
        fit = train(
            task,
            replace(self.recipe.training, seed=seed),
            checkpoints=folder / f"member-{seed}",
            watch=watch,
        )
        write_weights(task.model, self.weights_path(seed, folder))
        return fit

    def assemble(self, folder: Path) -> Ensemble:
        """Build the ensemble of this cell from the members' weights in the folder."""
        members = []
        for seed in self.recipe.seeds(self.seed):
            member = self.build(seed)
            member.load_state_dict(from_bytes(self.weights_path(seed, folder).read_bytes()))
            members.append(member)
        return Ensemble(members).eval()

    @staticmethod
    def weights_path(seed: int, folder: Path) -> Path:
        """Return where a member's best weights are kept."""
        return folder / f"member-{seed}.safetensors"

    def parameters(self) -> dict[str, object]:
        """Return what the run logs of this candidate, flat."""
        recipe = asdict(self.recipe)
        training = recipe.pop("training")
        training.pop("seed")
        return {
            **recipe,
            **{f"training.{name}": value for name, value in training.items()},
            "cell": self.cell,
            "seeds": list(self.recipe.seeds(self.seed)),
            "history": self.window.history,
            "horizon": self.window.horizon,
            **{f"rows.{name}": value for name, value in asdict(self.blocks).items()},
        }
