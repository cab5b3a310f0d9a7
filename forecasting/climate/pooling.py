"""Train one model over several stations: shared weights, and of each station its own numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from forecasting.climate.fitting import MemberTask
from forecasting.climate.folds import Fold
from forecasting.climate.model import ClimateForecaster
from forecasting.climate.recipe import SEEDS_A_RUN, VIEWS, Fitting, Recipe
from forecasting.climate.sharing import Share
from forecasting.climate.statics import STATICS, statics_of
from forecasting.errors import SeriesTooShort
from forecasting.training.exporting import write_weights
from forecasting.training.loop import Epoch, Fit, train

#: What stands before the cell in the name of a candidate whose weights several stations share.
GLOBAL = "global-"


@dataclass(frozen=True, kw_only=True)
class PooledFitting(Fitting):
    """One station's part in a global candidate: its rows are cut as the pool's calendar says.

    Scale, climatology, regressions, blend and intervals are the station's own; `blocks.train` is
    where the pool ends, and so nothing here has seen a later row.
    """

    share: Share

    statics: ClassVar[int] = len(STATICS)

    def fold(self, seed: int) -> Fold:
        """Return the stretch of time that a member never sees, at no station."""
        turn = seed % SEEDS_A_RUN // len(VIEWS)
        held = range(*self.share.held[turn % len(self.share.held)])
        return Fold(held=held, turn=turn, window=self.window)

    def parameters(self) -> dict[str, object]:
        """Return what the run logs of this candidate, flat."""
        return {**super().parameters(), "kind": "global"}


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A global candidate's work: every station's part, and the folder that each one's go to."""

    stations: Mapping[str, PooledFitting]
    homes: Mapping[str, Path]

    @property
    def recipe(self) -> Recipe:
        """The recipe, which is one for all stations."""
        return self._first.recipe

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self._first.seed

    @property
    def _first(self) -> PooledFitting:
        return next(iter(self.stations.values()))

    def fit_member(
        self, seed: int, folder: Path, watch: Callable[[Epoch], None] | None = None
    ) -> Fit:
        """Train one member over all stations, and leave each station its whole weights.

        A member whose training was cut off is resumed from its last whole checkpoint in the
        folder, and one that was finished is not trained again.

        Raises:
            SeriesTooShort: no station has a window with a known target to train and to stop on.
        """
        members, tasks = self._members(seed)
        pooled = PooledTask(tasks, self.recipe.pooled_windows)
        fit = train(
            pooled,
            replace(self.recipe.training, seed=seed),
            checkpoints=folder / f"member-{seed}",
            watch=watch,
        )
        for name, member in members.items():
            write_weights(member, Fitting.weights_path(seed, self.homes[name]))
        return fit

    def _members(self, seed: int) -> tuple[dict[str, ClimateForecaster], dict[str, MemberTask]]:
        """Make every station's member with one set of weights, and its task where it has one."""
        members: dict[str, ClimateForecaster] = {}
        tasks: dict[str, MemberTask] = {}
        refusal: SeriesTooShort | None = None
        for name, fitting in self.stations.items():
            rivals = fitting.rivals(fitting.fold(seed))
            members[name] = fitting.build(seed, rivals)
            try:
                tasks[name] = fitting.task(seed, members[name], rivals)
            except SeriesTooShort as error:
                refusal = error  # a gap as long as its stretch: the others are trained without it
        if refusal is not None and not tasks:
            raise refusal
        share_weights(list(members.values()))
        places = [fitting.series.station for fitting in self.stations.values()]
        for member, numbers in zip(
            members.values(), statics_of(list(members.values()), places), strict=True
        ):
            member.statics = numbers.to(member.get_buffer("statics"))
        return members, tasks


def share_weights(members: list[ClimateForecaster]) -> None:
    """Let members use the first one's trainable parts; fitted numbers stay each one's own."""
    for name, part in shared_parts(members[0]):
        for member in members[1:]:
            setattr(member, name, part)


def shared_parts(member: ClimateForecaster) -> Iterator[tuple[str, nn.Module]]:
    """Yield the parts of a member that hold weights, or nothing, and not what was fitted."""
    for name, part in member.named_children():
        if any(True for _ in part.parameters()) or not any(True for _ in part.buffers()):
            yield name, part


class SharedParts(nn.Module):
    """The trainable parts that all stations' members share, once."""

    def __init__(self, member: ClimateForecaster) -> None:
        super().__init__()
        for name, part in shared_parts(member):
            self.add_module(name, part)


class PooledTask:
    """One member over all stations: a batch is of one station, an epoch of as many windows.

    Args:
        tasks: each station's windows, on members that share their weights.
        windows: about how many windows an epoch draws, whatever the number of stations.
    """

    def __init__(self, tasks: Mapping[str, MemberTask], windows: int) -> None:
        self.tasks, self.windows = tasks, windows
        first = next(iter(tasks.values())).model
        self._model = SharedParts(cast("ClimateForecaster", first))

    @property
    def model(self) -> nn.Module:
        """The shared weights."""
        return self._model

    def batches(self, generator: torch.Generator) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield stations in random rounds, each with a batch of its windows.

        A station's windows come in random order, and again in another where an epoch asks for
        more of them than there are.
        """
        names = list(self.tasks)
        streams: dict[str, Iterator[NDArray[np.int64]]] = {name: iter(()) for name in names}
        drawn = 0
        while drawn < self.windows:
            for place in torch.randperm(len(names), generator=generator).tolist():
                name = names[place]
                batch = next(streams[name], None)
                if batch is None:
                    streams[name] = iter(self.tasks[name].batches(generator))
                    batch = next(streams[name])
                drawn += len(batch)
                yield name, batch
                if drawn >= self.windows:
                    break

    def loss(self, batch: object, carry: object) -> tuple[Tensor, object]:
        """Return the mean loss over the known targets of a batch, in spreads of the lead."""
        name, positions = cast("tuple[str, NDArray[np.int64]]", batch)
        return self.tasks[name].loss(positions, carry)

    def score(self) -> float:
        """Return the early-stop error, in the target's unit at a station of the usual spread.

        Each station's error counts in units of its own spread: one whose weather changes more
        does not decide alone.
        """
        spreads = [task.model.get_buffer("spread").mean().item() for task in self.tasks.values()]
        errors = [
            task.score() / spread for task, spread in zip(self.tasks.values(), spreads, strict=True)
        ]
        return float(np.mean(errors) * np.mean(spreads))
