"""Hand trainings to a Dask: what its workers cannot finish is a refusal by name."""

from collections.abc import Iterable
from typing import Any

import distributed
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture

from pipelines.fitting import FittingFailed


class SpreadFuture(PrefectDaskFuture[Any]):
    """A training on a worker; one that took every worker down with it is a failed one."""

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> Any:  # noqa: ANN401, FBT001, FBT002 - Prefect's signature
        """Wait for it; returns its result, or its error as a value where that is asked for.

        Raises:
            FittingFailed: each worker that began it died.
        """
        try:
            return super().result(timeout, raise_on_failure)
        except distributed.KilledWorker as error:
            failure = FittingFailed(
                "each worker that began a training died in it",
                expected="a worker that lives, with memory enough",
                found=str(error.last_worker.address if error.last_worker else error.task),
            )
            if raise_on_failure:
                raise failure from error
            return failure


class SpreadTaskRunner(DaskTaskRunner):
    """Prefect's runner of tasks on Dask, with futures of ours."""

    def submit(  # type: ignore[override]  # Prefect's overloads say the same
        self,
        task: Any,  # noqa: ANN401 - Prefect's
        parameters: dict[str, Any],
        wait_for: Iterable[Any] | None = None,
        dependencies: dict[str, Any] | None = None,
    ) -> SpreadFuture:
        """Send a task to the scheduler; returns at once."""
        future = super().submit(task, parameters, wait_for, dependencies)
        return SpreadFuture(wrapped_future=future.wrapped_future, task_run_id=future.task_run_id)
