"""Keep a retraining's plan and its candidates in one folder, so that steps pass paths only."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data_checks.admissions import load_admitted
from forecasting.climate.recipe import Fitting, recipe_of
from forecasting.climate.windows import Blocks, WindowSpec
from forecasting.faults import reach
from forecasting.settings import Settings
from forecasting.stores.fencing import Fence, take
from forecasting.stores.files import safe_name, write_json
from forecasting.stores.locks import Held, held_turn
from forecasting.stores.stations import climate_model

PLAN = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one retraining does; equal plans share a folder, so a killed one is resumed.

    `refit` asks for what is promoted to be trained on all rows as well; `further_target` is
    the target where it is not the station's first.
    """

    station: str
    data_sha256: str
    preset: str
    seed: int
    window: WindowSpec
    blocks: Blocks
    refit: bool = False
    further_target: str | None = None

    @property
    def model(self) -> str:
        """The registered model's name."""
        return climate_model(self.station, self.further_target)

    @property
    def label(self) -> str:
        """What tells the plan from those of other stations and targets, for people."""
        return " ".join(filter(None, (self.station, self.further_target)))

    @property
    def key(self) -> str:
        """The folder's name: the station and a digest of everything the weights depend on."""
        recipe = asdict(recipe_of(self.preset))
        content = json.dumps([asdict(self), recipe], sort_keys=True)
        return f"{self.station}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"

    def fitting(self, root: Path, cell: str) -> Fitting:
        """Return a candidate's work, on data that carries an accepting verdict.

        Raises:
            DataUnchecked: the data has no such verdict, or was changed.
        """
        return Fitting(
            series=load_admitted(root, self.data_sha256),
            window=self.window,
            blocks=self.blocks,
            recipe=recipe_of(self.preset),
            cell=cell,
            seed=self.seed,
        )


def open_workspace(root: Path, plan: Plan) -> Path:
    """Write the plan into its folder; returns the folder."""
    folder = root / "runs" / plan.key
    write_json(folder / PLAN, asdict(plan))
    reach("split.planned")
    return folder


def read_plan(folder: Path) -> Plan:
    """Read the plan of a folder."""
    return plan_of(json.loads((folder / PLAN).read_bytes()))


def plan_of(content: dict[str, Any]) -> Plan:
    """Return the plan that was written as JSON."""
    window, blocks = WindowSpec(**content["window"]), Blocks(**content["blocks"])
    return Plan(**{**content, "window": window, "blocks": blocks})


def close_workspace(folder: Path) -> None:
    """Drop what only a resumption needs; a later run of the same plan trains anew."""
    reach("close.begun")
    shutil.rmtree(folder, ignore_errors=True)
    reach("close.removed")


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A retraining's turn: the lock that it holds, and the number under which it works."""

    lock: Held
    fence: Fence


@contextmanager
def only_run(settings: Settings, station: str) -> Iterator[Turn]:
    """Let one retraining of a station run at a time, on whichever machine.

    Raises:
        TurnTaken: another process is retraining the station.
    """
    name, busy = f"retrain-{safe_name(station)}", f"station {station} is being retrained"
    address = settings.lock_address
    with held_turn(settings.root, name, address=address, busy=busy) as lock:
        yield Turn(lock=lock, fence=take(settings.root, station, address))
