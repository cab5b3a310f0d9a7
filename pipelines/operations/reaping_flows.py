"""Close what a dead process left open in Prefect: flow runs, and the task runs within them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

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
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.states import Crashed

from forecasting.stores.liveness import carried_here, claims

#: The flows whose runs are ours to close.
FLOWS = ["climate-retraining", "scheduled-retraining", "language-model"]

#: States in which somebody should be at work.
OPEN = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]

#: How long a run may be open before our own code, which stands behind it, has begun.
UNCLAIMED = timedelta(minutes=1)

#: The same for one that a work pool has to bring up a machine or an image for.
POOLED = timedelta(minutes=15)

#: The variable in which Prefect's runner tells a process which run it is to execute.
CARRIED = "PREFECT__FLOW_RUN_ID"

#: What begins the idempotency key of a run that takes a dead one's place.
RETRY = "retry-of-"

#: At most so many runs are looked at in one go.
PAGE = 200


@dataclass(kw_only=True)
class Reaped:
    """What was closed and removed, by name; of a dry run what would be."""

    flow_runs: list[str] = field(default_factory=list)
    task_runs: list[str] = field(default_factory=list)
    retried: list[str] = field(default_factory=list)
    tracking_runs: list[str] = field(default_factory=list)
    logged_models: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why an open run counts as dead."""

    run: FlowRun
    why: str


def reap_flows(
    root: Path, reaped: Reaped, *, dry_run: bool = False, now: datetime | None = None
) -> None:
    """Close each open run of ours whose process is gone as crashed, and have it run once more.

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
                client.set_task_run_state(task, Crashed(message=verdict.why), force=True)
            client.set_flow_run_state(run.id, Crashed(message=verdict.why), force=True)
            retried = retry(client, run)
            if retried is not None:
                reaped.retried.append(retried)


def dead_runs(client: SyncPrefectClient, root: Path, now: datetime) -> list[Verdict]:
    """Return the open runs of ours behind which nobody stands any more."""
    found = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=FLOWS)),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=OPEN))
        ),
        limit=PAGE,
    )
    by_run = {claim.flow_run: claim for claim in claims(root)}
    dead = []
    for run in found:
        claim = by_run.get(str(run.id))
        if claim is not None:
            if claim.is_dead(now.timestamp()):
                dead.append(Verdict(run=run, why=f"process {claim.process.pid} is gone"))
        elif now - _since(run, now) > (POOLED if run.work_pool_name else UNCLAIMED) and not (
            carried_here(f"{CARRIED}={run.id}")
        ):
            dead.append(Verdict(run=run, why="no process of ours stands behind it"))
    return dead


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
    found = client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])),
        task_run_filter=TaskRunFilter(
            state=TaskRunFilterState(type=TaskRunFilterStateType(any_=OPEN))
        ),
        limit=PAGE,
    )
    return [task.id for task in found]
