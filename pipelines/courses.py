"""Take several stations and targets through one retraining: what fails of one stops no other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from data_checks.declaration import Dataset
from forecasting.errors import GatecastError
from forecasting.settings import Settings
from pipelines.recording import parent_run
from pipelines.workspace import Turn, only_run


class EveryPartFailed(GatecastError):
    """No station and target of the dataset came to a decision."""

    code = "EVERY_PART_FAILED"


@dataclass(kw_only=True)
class Course:
    """The way of one station and target through the flow: its run, its folder, its outcome.

    In a `with` block, a refusal ends this course alone, where there are others.

    Args:
        name: by which the part is found again.
        dataset: the part.
        stack: holds the run open.
        run: the MLflow run.
        alone: whether it is the flow's only course, whose refusal is the flow's own.
        turn: the station's, to be asked for before anything is published.
    """

    name: str
    dataset: Dataset
    stack: ExitStack
    run: str
    alone: bool
    turn: Turn
    folder: str = ""
    decision: dict[str, Any] | None = None
    error: GatecastError | None = field(default=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        """Note a refusal and close the run as failed; anything else goes on to the flow."""
        if self.alone or not isinstance(error, GatecastError):
            return False
        self.error = error
        self.stack.__exit__(kind, error, trace)
        return True

    @property
    def goes_on(self) -> bool:
        """Whether nothing has refused it yet."""
        return self.error is None

    def refusal(self) -> dict[str, Any]:
        """Return why it came to no decision, as JSON."""
        told = {} if self.error is None else self.error.to_json()
        return {"part": self.name, "model": self.dataset.model, "run_id": self.run, **told}


@contextmanager
def courses(
    settings: Settings, parts: Mapping[str, Dataset], preset: str, seed: int
) -> Iterator[list[Course]]:
    """Open a run for every part while nobody else retrains one of the stations.

    Raises:
        TurnTaken: another process is retraining one of the stations.
    """
    with ExitStack() as whole:
        turns = {
            station: whole.enter_context(only_run(settings, station))
            for station in sorted({part.place.name for part in parts.values()})
        }
        begun: list[Course] = []
        for name, part in parts.items():
            stack = whole.enter_context(ExitStack())
            run = stack.enter_context(
                parent_run(settings, part.place.name, preset, seed, part.further_target)
            )
            turn = turns[part.place.name]
            begun.append(
                Course(
                    name=name,
                    dataset=part,
                    stack=stack,
                    run=run,
                    alone=len(parts) == 1,
                    turn=turn,
                )
            )
        yield begun


def to_pool(going: Sequence[Course]) -> list[list[str]]:
    """Return, for each target, the folders of the stations that are to be trained together."""
    by_target: dict[str, list[str]] = {}
    for course in going:
        if course.dataset.pooled:
            by_target.setdefault(course.dataset.target, []).append(course.folder)
    return list(by_target.values())


def outcome(finished: Sequence[Course]) -> dict[str, Any]:
    """Return the one decision; of several parts all decisions, refusals and promoted models.

    Raises:
        EveryPartFailed: none of several parts came to a decision.
    """
    decisions = [course.decision for course in finished if course.decision is not None]
    if len(finished) == 1:
        return decisions[0]
    refused = [course.refusal() for course in finished if course.error is not None]
    if not decisions:
        said = [f"{each['model']}: {each['code']}: {each['message']}" for each in refused]
        raise EveryPartFailed(
            f"none of {len(finished)} stations and targets came to a decision",
            expected="at least one that the data checks admit",
            found="; ".join(said),
        )
    promoted = [decision["model"] for decision in decisions if decision["promoted"]]
    return {"decisions": decisions, "refused": refused, "promoted": promoted}


class Outcome(Protocol):
    """A training that goes on elsewhere, as Prefect's futures are."""

    def result(self, *, raise_on_failure: bool) -> object:
        """Wait for it; returns its result, or its error as a value."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """A pool's training as one of its stations waits for it: the same end, its own folder."""

    training: Outcome
    folder: str

    def result(self, *, raise_on_failure: bool) -> object:
        """Wait for it; returns the station's folder of the candidate, or the error as a value."""
        ended = self.training.result(raise_on_failure=raise_on_failure)
        return self.folder if isinstance(ended, str) else ended
