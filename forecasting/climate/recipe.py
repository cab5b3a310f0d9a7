"""Say how a station's forecaster is made: cells, sizes, seeds, training; and make its members."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load as from_bytes

from forecasting.climate.baselines import Baselines, fit_baselines
from forecasting.climate.fitting import Batches, MemberTask
from forecasting.climate.folds import Fold
from forecasting.climate.model import ClimateForecaster, ForecasterSpec, Statistics, View
from forecasting.climate.scaling import fit_scaler
from forecasting.climate.series import ClimateSeries
from forecasting.climate.windows import STRETCHES, Blocks, Windows, WindowSpec, cut
from forecasting.errors import ModelInvalid
from forecasting.faults import reach
from forecasting.training.exporting import write_weights
from forecasting.training.loop import Epoch, Fit, TrainingSpec, train

#: Members take turns: those of even seeds read levels, those of odd ones departures.
VIEWS: tuple[View, ...] = ("level", "departure")

#: How far apart the first seeds of two runs are.
SEEDS_A_RUN = 1000


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A preset: which cells, how large, and how their members are trained.

    Each cell gets a member of each view for each of `folds` stretches of the train block,
    which that member never sees. `differences` lets the members read each variable's change
    since the step before as well. `shift` is how large the shifts of the climate are that
    members which read levels are trained with, in root mean squares of the histories' mean
    anomalies. `pooled_windows` is how many windows an epoch over several stations draws.
    """

    name: str
    folds: int = STRETCHES
    cells: tuple[str, ...] = ("lstm", "gru")
    widths: tuple[int, ...] = (32,)
    head: int = 32
    dropout: float = 0.1
    batch: int = 64
    shift: float = 2.0
    differences: bool = False
    pooled_windows: int = 4096
    training: TrainingSpec = field(
        default=TrainingSpec(
            epochs=20,
            learning_rate=3e-3,
            seed=0,
            weight_decay=1e-3,
            patience=6,
            schedule="cosine",
            warmup=0.1,
        )
    )

    def __post_init__(self) -> None:
        if not 2 <= self.folds <= SEEDS_A_RUN // len(VIEWS):
            raise ModelInvalid(
                "a member needs rows to see and rows to hold out",
                expected=f"2 to {SEEDS_A_RUN // len(VIEWS)} folds",
                found=self.folds,
            )

    @property
    def members(self) -> int:
        """Members of each cell."""
        return self.folds * len(VIEWS)

    def seeds(self, seed: int) -> range:
        """Return the members' seeds for a run's seed; runs with other seeds share none."""
        return range(SEEDS_A_RUN * seed, SEEDS_A_RUN * seed + self.members)


#: The presets of `gatecast retrain`; the lecture's own model has a module of its own.
RECIPES = {
    "default": Recipe(name="default"),
    "quick": Recipe(name="quick", folds=2, training=replace(Recipe.training, epochs=8, patience=3)),
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

    #: Numbers of its station that a member reads; those of a pool do.
    statics: ClassVar[int] = 0

    def fold(self, seed: int) -> Fold:
        """Return the stretch that a member never sees."""
        turn = seed % SEEDS_A_RUN // len(VIEWS)
        held = self.blocks.stretch(turn, self.window, self.recipe.folds)
        return Fold(held=held, turn=turn, window=self.window)

    @property
    def windows(self) -> Windows:
        """Every window of the train block."""
        return cut(self.series, self.window, self.window.origins(0, self.blocks.train))

    def rivals(self, fold: Fold | None = None) -> Baselines:
        """Fit the simple rivals on the train block, or on what a fold leaves of it."""
        if fold is None:
            return fit_baselines(self.series, self.blocks.train, self.window)
        blank, usable = fold.blank(self.series), fold.outside(self.windows)
        return fit_baselines(blank, self.blocks.train, self.window, usable)

    def build(self, seed: int, rivals: Baselines) -> ClimateForecaster:
        """Make a member with the initial weights of its seed, on the rivals of its fold."""
        series = self.series
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
            differences=self.recipe.differences,
            statics=self.statics,
        )
        blank = self.fold(seed).blank(series)
        statistics = Statistics(
            scaler=fit_scaler(blank, self.blocks.train, self.window.horizon),
            climatology=rivals.climatology,
            linear=rivals.recentred if spec.view == "departure" else rivals.shifted,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ClimateForecaster(spec, statistics)

    def fit_member(
        self, seed: int, folder: Path, watch: Callable[[Epoch], None] | None = None
    ) -> Fit:
        """Train one member; its best weights are left in the folder as safetensors.

        A member whose training was cut off is resumed from its last whole checkpoint, and
        one that was finished is not trained again.
        """
        rivals = self.rivals(self.fold(seed))
        task = self.task(seed, self.build(seed, rivals), rivals)
        fit = train(
            task,
            replace(self.recipe.training, seed=seed),
            checkpoints=folder / f"member-{seed}",
            watch=watch,
        )
        reach("fit.trained")
        write_weights(task.model, self.weights_path(seed, folder))
        reach("fit.weighed")
        return fit

    def task(self, seed: int, member: ClimateForecaster, rivals: Baselines) -> MemberTask:
        """Give a member the windows that it is trained and stopped on."""
        fold, windows = self.fold(seed), self.windows
        return MemberTask(
            member,
            windows,
            fold.outside(windows),
            cut(self.series, self.window, fold.halves[0]),
            Batches(size=self.recipe.batch, shift=self.recipe.shift * rivals.usual_distance),
        )

    def load_member(self, seed: int, folder: Path, rivals: Baselines) -> ClimateForecaster:
        """Read a trained member back."""
        member = self.build(seed, rivals)
        member.load_state_dict(from_bytes(self.weights_path(seed, folder).read_bytes()))
        return member.eval()

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
