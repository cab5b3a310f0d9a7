"""Say which settings of a station's forecaster are searched, and make the recipe of a choice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from forecasting.climate.recipe import RECIPES, Recipe

#: The cell that the default is measured with; the other one is part of the search.
CELL = "gru"

#: What may be chosen. The shipped default lies inside.
SPACE: dict[str, BaseDistribution] = {
    "cell": CategoricalDistribution(("gru", "lstm")),
    "width": IntDistribution(16, 64, step=8),
    "layers": IntDistribution(1, 2),
    "head": IntDistribution(16, 64, step=16),
    "dropout": FloatDistribution(0.0, 0.4, step=0.05),
    "batch": IntDistribution(32, 128, step=32),
    "learning_rate": FloatDistribution(1e-3, 1e-2, log=True),
    "weight_decay": FloatDistribution(1e-4, 1e-1, log=True),
    "epochs": IntDistribution(10, 30, step=5),
    "patience": IntDistribution(3, 9),
    "shift": FloatDistribution(0.0, 4.0, step=0.5),
    "differences": CategoricalDistribution((False, True)),
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A choice in the space: the values by name, and the recipe that they are laid over."""

    values: Mapping[str, str | int | float | bool]
    base: Recipe

    @classmethod
    def default(cls, base: Recipe = RECIPES["default"]) -> "Setting":
        """Return the choice that a recipe is, with one of its cells."""
        training = base.training
        return cls(
            values={
                "cell": CELL,
                "width": base.widths[0],
                "layers": len(base.widths),
                "head": base.head,
                "dropout": base.dropout,
                "batch": base.batch,
                "learning_rate": training.learning_rate,
                "weight_decay": training.weight_decay,
                "epochs": training.epochs,
                "patience": training.epochs if training.patience is None else training.patience,
                "shift": base.shift,
                "differences": base.differences,
            },
            base=base,
        )

    @property
    def cell(self) -> str:
        """The cell."""
        return str(self.values["cell"])

    @property
    def recipe(self) -> Recipe:
        """The recipe with the chosen values; what is not searched is the base's."""
        values = self.values
        training = replace(
            self.base.training,
            learning_rate=float(values["learning_rate"]),
            weight_decay=float(values["weight_decay"]),
            epochs=int(values["epochs"]),
            patience=int(values["patience"]),
        )
        return replace(
            self.base,
            cells=(self.cell,),
            widths=(int(values["width"]),) * int(values["layers"]),
            head=int(values["head"]),
            dropout=float(values["dropout"]),
            batch=int(values["batch"]),
            shift=float(values["shift"]),
            differences=bool(values["differences"]),
            training=training,
        )
