"""Keep a language run's plan and its networks in one folder, so that steps pass paths only."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from data_checks.text_admissions import load_text
from forecasting.language.corpus import Corpus
from forecasting.language.presets import recipe_of
from forecasting.language.recipe import COMPARED, Member, Recipe
from forecasting.stores.files import write_json

PLAN = "plan.json"

#: The folders of a run's networks: members of the model, and cells of the contest.
MEMBER, CELL = "member-", "cell-"


@dataclass(frozen=True, kw_only=True)
class TextPlan:
    """What one run does; equal plans share a folder, so a killed one is resumed."""

    corpus: str
    data_sha256: str
    preset: str
    seed: int

    @property
    def model(self) -> str:
        """The registered model's name."""
        return f"language-{self.corpus}"

    @property
    def recipe(self) -> Recipe:
        """The preset's recipe."""
        return recipe_of(self.preset)

    @property
    def key(self) -> str:
        """The folder's name: the model and a digest of everything the weights depend on."""
        content = json.dumps([asdict(self), asdict(self.recipe)], sort_keys=True)
        return f"{self.model}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    @property
    def members(self) -> list[str]:
        """The names of the model's members."""
        return [f"{MEMBER}{seed}" for seed in self.recipe.seeds(self.seed)]

    @property
    def networks(self) -> list[str]:
        """The names of all that is trained: members first, they take longest."""
        return [*self.members, *(f"{CELL}{cell}" for cell in COMPARED)]

    def network(self, name: str, symbols: int) -> tuple[Member, int]:
        """Return what a name stands for, and its seed."""
        if name.startswith(MEMBER):
            return self.recipe.member, int(name.removeprefix(MEMBER))
        cell = next(cell for cell in COMPARED if name == f"{CELL}{cell}")
        return self.recipe.contestant(cell, symbols), self.seed

    def text(self, root: Path) -> Corpus:
        """Return the text, which carries an accepting verdict.

        Raises:
            DataUnchecked: it has no such verdict, or was changed.
        """
        return load_text(root, self.data_sha256)


def open_text_workspace(root: Path, plan: TextPlan) -> Path:
    """Write the plan into its folder; returns the folder."""
    folder = root / "runs" / plan.key
    write_json(folder / PLAN, asdict(plan))
    return folder


def read_text_plan(folder: Path) -> TextPlan:
    """Read the plan of a folder."""
    return TextPlan(**json.loads((folder / PLAN).read_bytes()))
