"""Kill the real flow: Prefect's engine, trainings in children of their own, whole processes.

As a script: `python -m tests.faults.flows DATASET [SEED]` runs it with the recipe of the trials,
and `… ROOT FOLDER CELL` is the child that it lets train. A kill takes the process that comes to
the point: the flow's own, or a child's, as when the kernel is short of memory.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

#: Points of each stage, of the flow's process and of its children.
STAGES = (
    "publish.closed", "promote.named", "fit.checkpointed", "promote.placed", "admit.kept",
    "judge.written", "refit.trained", "publish.registered", "decide.promoted", "close.begun",
)  # fmt: skip

PATIENCE = 900

#: Prefect's own server takes a quarter of a minute to start, on a busy machine many.
PATIENT = {"PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "600"}


def jobs(most: int, rng: random.Random) -> list[Any]:
    """Return trials of the real flow at points that are drawn."""
    return [flow_trial(point) for point in rng.sample(STAGES, most)]


def flow_trial(point: str) -> Any:
    """Return the trial of one point."""

    def act(bench: Any, wanted: dict[str, Any]) -> Any:
        return tried(bench, wanted, point)

    return act


def tried(bench: Any, wanted: dict[str, Any], point: str) -> Any:
    """Run the flow with a kill, look, run it again without, look again."""
    # Not at the top: the child that trains needs none of it.
    from tests.faults.trials import Fault, Trial, compared, old_or_new  # noqa: PLC0415

    bench.begin()
    code, told = run(bench, f"{point}:kill")
    complaints = []
    killed = code == -signal.SIGKILL or "exit -9" in told
    if not killed:
        complaints.append(f"the flow was not killed: {code} {told[-300:]}")
    complaints += [f"after the fault: {each}" for each in old_or_new(bench, wanted)]
    code, told = run(bench, "")
    if code != 0:
        complaints.append(f"the rerun did not end: {told[-300:]}")
    found = bench.looked(follow=True)
    complaints += [f"after the rerun: {each}" for each in compared(found, wanted)]
    if complaints:
        bench.keep(Fault(part="flows", name=point))
    ended = "killed" if killed else "failed"
    return Trial(part="flows through Prefect", name=point, ended=ended, reached=killed,
                 complaints=complaints)  # fmt: skip


def run(bench: Any, fault: str) -> tuple[int, str]:
    """Run the flow in a process group of its own, of which nothing is left afterwards."""
    environment = {
        **os.environ,
        **PATIENT,
        "GATECAST_FAULT": fault,
        "GATECAST_HOME": str(bench.home),
    }
    # A file, no pipe: the server that the flow has started outlives a kill, and would keep it open.
    with bench.log.open("ab") as log, tempfile.TemporaryFile() as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.flows", bench.start.dataset],
            stdout=said, stderr=log, env=environment, start_new_session=True,
        )  # fmt: skip
        try:
            child.wait(timeout=PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        said.seek(0)
        return child.returncode, said.read().decode()


def main(arguments: list[str]) -> int:
    """Run the flow, or a child's training, with the trials' recipe."""
    from tests.faults.plain import shrink  # noqa: PLC0415 - what follows takes seconds

    if len(arguments) == 3:
        from pipelines import fitting  # noqa: PLC0415 - the child needs no more

        shrink()
        return fitting.main(arguments)
    from forecasting.errors import GatecastError  # noqa: PLC0415 - the flow's process only
    from forecasting.settings import load_settings  # noqa: PLC0415
    from pipelines.environment import prepare  # noqa: PLC0415

    dataset, *seed = arguments
    prepare(load_settings())
    from pipelines import climate, fitting, refitting  # noqa: PLC0415 - after the environment

    shrink()
    beside = partial(fitting.fit_beside, module="tests.faults.flows")
    climate.fit_beside = refitting.fit_beside = beside
    try:
        decision = climate.retrain_climate(dataset, (), "quick", int(seed[0]) if seed else 1)
    except GatecastError as error:
        sys.stdout.write(json.dumps(error.to_json()))
        return 1
    sys.stdout.write(json.dumps({"promoted": decision["promoted"]}))
    return 0


if __name__ == "__main__":
    sys.exit(main([str(Path(each)) if "/" in each else each for each in sys.argv[1:]]))
