"""Pass a question to a rival's process and its answers back, as arrays and JSON in a folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HEAD = "question.json"
ARRAYS = "question.npz"


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every rival is asked: the same rows, the same origins, the same calendar.

    `values` is (rows, variables) without gaps; `calendar` (rows + horizon, waves), the harmonics
    of every label, known in advance. Fitting sees the first `train` rows. The origins are the
    `origins` rows from `train - 1` on; a forecast at one sees the rows up to it. `levels` are the
    quantiles that an interval forecast states.
    """

    names: tuple[str, ...]
    target: int
    train: int
    origins: int
    history: int
    horizon: int
    levels: tuple[float, ...]
    start: str
    step_seconds: int
    seed: int
    values: Floats
    calendar: Floats

    @property
    def series(self) -> Floats:
        """The target's own values: (rows,)."""
        column: Floats = self.values[:, self.target]
        return column

    @property
    def origin_rows(self) -> range:
        """The rows of the origins."""
        return range(self.train - 1, self.train - 1 + self.origins)

    def write(self, folder: Path) -> None:
        """Write the question where a rival's process reads it."""
        head = asdict(self)
        values, calendar = head.pop("values"), head.pop("calendar")
        np.savez(folder / ARRAYS, allow_pickle=False, values=values, calendar=calendar)
        (folder / HEAD).write_text(json.dumps(head))

    @classmethod
    def read(cls, folder: Path) -> "Question":
        """Read the question of a folder."""
        head = json.loads((folder / HEAD).read_text())
        head |= {name: tuple(head[name]) for name in ("names", "levels")}
        with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
            return cls(**head, values=arrays["values"], calendar=arrays["calendar"])


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One model's forecasts at every origin, in the target's unit.

    `forecast` is (origins, horizon), or (origins, horizon, levels) where `levels` says which.
    """

    forecast: Floats
    fit_seconds: float
    levels: tuple[float, ...] | None = None


def write_answers(folder: Path, answers: Mapping[str, Answer]) -> None:
    """Write answers by the model's name; `folder` is the rival's own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, answer in answers.items():
        np.save(folder / f"{name}.npy", answer.forecast, allow_pickle=False)
        told = {"fit_seconds": answer.fit_seconds, "levels": answer.levels}
        (folder / f"{name}.json").write_text(json.dumps(told))


def read_answers(folder: Path) -> dict[str, Answer]:
    """Read every answer of a rival's folder, by the model's name."""
    found = {}
    for path in sorted(folder.glob("*.npy")):
        told = json.loads(path.with_suffix(".json").read_text())
        found[path.stem] = Answer(
            forecast=np.load(path, allow_pickle=False),
            fit_seconds=told["fit_seconds"],
            levels=None if told["levels"] is None else tuple(told["levels"]),
        )
    return found
