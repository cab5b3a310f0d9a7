"""Close what a dead process left open in Prefect: flow runs, and the task runs within them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prefect import State
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Cancelled, Crashed

from forecasting.stores.liveness import Claim, carried_here, claims

#: The flows of upkeep: nothing is lost with a run of theirs, and the next tick does its work.
UPKEEP = ["reaper", "pruner"]

#: The flows that train. Their runs, and those of upkeep, are ours to close.
TRAINING = ["climate-retraining", "scheduled-retraining", "language-model", "climate-lecture"]

#: States in which somebody should be at work.
OPEN = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]

#: How long a run may be open before our own code, which stands behind it, has begun.
UNCLAIMED = timedelta(minutes=1)

#: The same for one that a work pool has to bring up a machine or an image for.
POOLED = timedelta(minutes=15)

#: The same for upkeep, which leaves no record: on another machine it may be at work for long.
TENDED = timedelta(hours=1)

#: The variable in which Prefect's runner tells a process which run it is to execute.
CARRIED = "PREFECT__FLOW_RUN_ID"

#: What begins the idempotency key of a run that takes a dead one's place.
RETRY = "retry-of-"

#: At most so many runs does Prefect's server list at a time.
PAGE = 200

Entry = TypeVar("Entry")


@dataclass(kw_only=True)
class Reaped:
    """What was closed and removed, by name; of a dry run what would be."""

    flow_runs: list[str] = field(default_factory=list)
    task_runs: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    tracking_runs: list[str] = field(default_factory=list)
    healed: list[str] = field(default_factory=list)
    unhealed: list[str] = field(default_factory=list)
    logged_models: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why an open run counts as dead; one of `upkeep` is not asked for again."""

    run: FlowRun
    why: str
    upkeep: bool = False

    @property
    def is_cancelled(self) -> bool:
        """Whether a person has ended it, and only the word of its process is missing."""
        return self.run.state is not None and self.run.state.is_cancelling()

    @property
    def end(self) -> State[Any]:
        """The state in which it, and each open task of it, is closed."""
        return Cancelled(message=self.why) if self.is_cancelled else Crashed(message=self.why)


def reap_flows(
    root: Path, reaped: Reaped, *, dry_run: bool = False, now: datetime | None = None
) -> None:
    """Close each open run of ours whose process is gone as crashed, and have it run once more.

    One that a person was cancelling is closed as cancelled, and not run again.

    Args:
        root: the home folder, with the records of who stands behind which run.
        reaped: takes what was closed.
        dry_run: only say so.
        now: the present when left out.
    """
    moment = now or datetime.now(UTC)
    with get_client(sync_client=True) as client:
        for verdict in dead_runs(client, root, moment):
            run = verdict.run
            reaped.flow_runs.append(str(run.id))
            tasks = _open_tasks(client, run)
            reaped.task_runs += [str(task) for task in tasks]
            if dry_run:
                continue
            for task in tasks:
                client.set_task_run_state(task, verdict.end, force=True)
            client.set_flow_run_state(run.id, verdict.end, force=True)
            retried = None if verdict.upkeep or verdict.is_cancelled else retry(client, run)
            if retried is not None:
                reaped.retried.append(retried)


def dead_runs(client: SyncPrefectClient, root: Path, now: datetime) -> list[Verdict]:
    """Return the open runs of ours behind which nobody stands any more."""
    behind: dict[str, list[Claim]] = {}
    for claim in claims(root):
        behind.setdefault(claim.flow_run, []).append(claim)
    dead = []
    for names, patience in ((TRAINING, UNCLAIMED), (UPKEEP, TENDED)):
        for run in _open_runs(client, names):
            why = _why_dead(run, behind.get(str(run.id), []), now, patience)
            if why is not None:
                dead.append(Verdict(run=run, why=why, upkeep=names is UPKEEP))
    return dead


def _why_dead(
    run: FlowRun, standing: list[Claim], now: datetime, patience: timedelta
) -> str | None:
    """Say why an open run counts as dead; None where somebody stands behind it, or may yet."""
    if standing:
        # A run that somebody has tried again in Prefect has a record of each of its processes.
        if not all(claim.is_dead(now.timestamp()) for claim in standing):
            return None
        return f"process {standing[-1].process.pid} is gone"
    given = max(POOLED, patience) if run.work_pool_name else patience
    if now - _since(run, now) <= given or carried_here(f"{CARRIED}={run.id}"):
        return None
    return "no process of ours stands behind it"


def _open_runs(client: SyncPrefectClient, flows: list[str]) -> list[FlowRun]:
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=OPEN))

    def ask(offset: int) -> list[FlowRun]:
        return client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=flows)),
            flow_run_filter=FlowRunFilter(state=state),
            limit=PAGE,
            offset=offset,
        )

    return _every(ask)


def _every(ask: Callable[[int], list[Entry]]) -> list[Entry]:
    """Return all that the server lists: it gives at most a page."""
    found = page = ask(0)
    while len(page) == PAGE:
        page = ask(len(found))
        found = [*found, *page]
    return found


def retry(client: SyncPrefectClient, run: FlowRun) -> str | None:
    """Ask once for another run in a dead one's place; its interval makes that harmless.

    Returns the new run's id; None for a run without a deployment, and for one that was a retry.
    """
    if run.deployment_id is None or (run.idempotency_key or "").startswith(RETRY):
        return None
    try:
        made = client.create_flow_run_from_deployment(
            run.deployment_id, parameters=run.parameters, idempotency_key=f"{RETRY}{run.id}"
        )
    except (ObjectNotFound, ObjectAlreadyExists):  # the deployment is gone, or somebody was quicker
        return None
    return str(made.id)


def _since(run: FlowRun, now: datetime) -> datetime:
    """Return since when a run is in its state."""
    if run.state is None or run.state.timestamp is None:
        return now
    return datetime.fromtimestamp(run.state.timestamp.timestamp(), UTC)


def _open_tasks(client: SyncPrefectClient, run: FlowRun) -> list["UUID"]:
    state = TaskRunFilterState(type=TaskRunFilterStateType(any_=OPEN))

    def ask(offset: int) -> list[TaskRun]:
        return client.read_task_runs(
            flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
            task_run_filter=TaskRunFilter(state=state),
            limit=PAGE,
            offset=offset,
        )

    return [task.id for task in _every(ask)]
