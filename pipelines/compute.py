"""Say where candidates are trained: side by side on this machine, or on the workers of a Dask."""

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from forecasting.settings import Settings
from pipelines.scheduler import needing_dask, require_address, security


def task_runner(settings: Settings) -> TaskRunner[Any]:
    """Return what Prefect hands the trainings to; each is a process of its own either way.

    Raises:
        SettingsInvalid: Dask is asked for without its address, its certificates or its extra.
    """
    if settings.compute == "processes":
        return ThreadPoolTaskRunner(max_workers=settings.workers)
    address = require_address(settings)
    with needing_dask():
        from pipelines.spread import SpreadTaskRunner  # noqa: PLC0415 - a second of Dask
    return SpreadTaskRunner(address=address, client_kwargs=security(settings))
