"""Train one candidate in a process of its own: `python -m pipelines.fitting FOLDER CELL`.

Prints one JSON line an epoch, so that whoever started it can show progress. torch gets one
thread; two candidates run side by side as two processes.
"""

import json
import os
import subprocess  # our own interpreter, our own module
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from forecasting.errors import GatecastError
from forecasting.settings import Settings
from forecasting.stores.files import write_json

#: Code and message of a refusal travel from the child in this line's key.
REFUSAL = "refused"

#: How often a child looks whether its parent is still there, in seconds.
PARENT_LOOK = 0.5


class FittingFailed(GatecastError):
    """A candidate's process ended without a model."""

    code = "FITTING_FAILED"


def fit_beside(
    settings: Settings,
    folder: Path,
    cell: str,
    watch: Callable[[dict[str, Any]], None],
    module: str = "pipelines.fitting",
) -> Path:
    """Train a candidate in a child process; returns the candidate's folder.

    Args:
        settings: the home folder.
        folder: the plan's folder.
        cell: the candidate.
        watch: hears every line that the child says.
        module: what the child runs.

    Raises:
        FittingFailed: the process refused (with its code) or died, or the folder is not there.
    """
    require_shared(settings, folder)
    command = [sys.executable, "-m", module, str(settings.root), str(folder), cell]
    refusal: dict[str, Any] | None = None
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child,  # noqa: S603
    ):
        try:
            for line in child.stdout or ():
                told = json.loads(line)
                refusal = told.get(REFUSAL, refusal)
                watch(told)
        except BaseException:
            child.kill()
            raise
        code = child.wait()
        errors.seek(0)
        tail = errors.read()[-500:].strip()
    if code != 0:
        said = refusal or {"code": f"exit {code}", "message": tail or "no word"}
        raise FittingFailed(
            f"candidate {cell} was not trained", expected="a model", found=f"{said}"
        )
    return folder / cell


def require_shared(settings: Settings, folder: Path) -> None:
    """Look whether a worker elsewhere sees the work of the flow that sent it.

    Raises:
        FittingFailed: the home folder is not the flow's.
    """
    if not folder.is_dir():
        raise FittingFailed(
            "the worker does not see the work's folder",
            expected=f"a home folder shared by all machines, with {folder}",
            found=settings.root,
        )


def main(arguments: list[str]) -> int:
    """Train the members of one candidate one after the other."""
    from forecasting.training.machine import one_thread  # noqa: PLC0415 - torch takes seconds
    from pipelines.pooled import homes_of, work_of  # noqa: PLC0415 - torch takes seconds
    from pipelines.provenance import write_environment  # noqa: PLC0415 - only in the child

    root, folder, cell = Path(arguments[0]), Path(arguments[1]), arguments[2]
    one_thread()
    try:
        fitting = work_of(root, folder, cell)
        histories = {}
        for position, seed in enumerate(fitting.recipe.seeds(fitting.seed)):

            def tell(epoch: Any, member: int = position) -> None:  # noqa: ANN401 - an Epoch
                say({"cell": cell, "member": member, **asdict(epoch)})

            fit = fitting.fit_member(seed, folder / cell, tell)
            histories[str(seed)] = asdict(fit)
            say({"cell": cell, "done": position + 1})
        for home in homes_of(fitting, folder / cell):
            write_environment(home)
            write_json(home / "history.json", histories)
    except GatecastError as error:
        say({REFUSAL: error.to_json()})
        return 1
    return 0


def end_with_parent(parent: int | None = None) -> None:
    """Let this process end once the one that started it is gone: its work is begun elsewhere.

    Args:
        parent: that one's id, which it has told; who it is now when left out.
    """
    started_by = os.getppid() if parent is None else parent

    def wait() -> None:
        while os.getppid() == started_by:
            time.sleep(PARENT_LOOK)
        os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def say(told: dict[str, Any]) -> None:
    """Print one JSON line, as `fit_beside` reads it."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(sys.argv[1:]))
