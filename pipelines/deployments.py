"""Make the scheduled deployments: one a station, one run of it at a time."""

from collections.abc import Sequence
from typing import cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from pipelines.catalogue import find_dataset
from pipelines.climate import retrain_climate
from pipelines.commands.retrain import resolved


def deployments(
    names: Sequence[str], *, cron: str, timezone: str | None, preset: str
) -> list[RunnerDeployment]:
    """Return a deployment a dataset.

    Args:
        names: shipped datasets or paths of TOML files.
        cron: five cron fields.
        timezone: IANA time zone of the fields; the station's own when None.
        preset: which preset is trained.

    Raises:
        DatasetUnknown, DatasetInvalid: a name cannot be used.
    """
    made: list[RunnerDeployment] = []
    for name in names:
        dataset = find_dataset(name)
        deployment = retrain_climate.to_deployment(
            name=f"retrain-{dataset.place.name}",
            schedule=Cron(cron, timezone=timezone or dataset.place.timezone),
            parameters={"dataset": resolved(name), "preset": preset},
            description=f"Scheduled retraining of {dataset.title or dataset.name}",
            tags=["climate", dataset.place.name],
            # A tick that finds the last run unfinished is dropped, not queued behind it.
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast("RunnerDeployment", deployment))  # no event loop runs here
    return made
