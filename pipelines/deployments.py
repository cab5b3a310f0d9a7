"""Make the scheduled deployments: one a station, one a corpus, one run of each at a time."""

from collections.abc import Sequence
from typing import cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from forecasting.errors import GatecastError
from pipelines.catalogue import find_parts, resolved
from pipelines.climate import retrain_climate
from pipelines.language import train_language
from pipelines.texts.catalogue import find_corpus


class ScheduleInvalid(GatecastError):
    """The cron fields or the time zone cannot be read."""

    code = "SCHEDULE_INVALID"


def deployments(
    names: Sequence[str], *, cron: str, timezone: str | None, preset: str
) -> list[RunnerDeployment]:
    """Return a deployment a dataset, whatever number of stations and targets it has.

    Args:
        names: shipped datasets or paths of TOML files.
        cron: five cron fields.
        timezone: IANA time zone of the fields; the (first) station's own when None.
        preset: which preset is trained.

    Raises:
        DatasetUnknown, DatasetInvalid: a name cannot be used.
        ScheduleInvalid: the fields or the zone cannot be read.
    """
    made: list[RunnerDeployment] = []
    for name in names:
        parts = find_parts(name)
        dataset = parts[0]
        stations = list(dict.fromkeys(part.place.name for part in parts))
        deployment = retrain_climate.to_deployment(
            name=f"retrain-{stations[0] if len(stations) == 1 else dataset.name}",
            schedule=schedule_of(cron, timezone or dataset.place.timezone),
            parameters={"dataset": resolved(name), "preset": preset},
            description=f"Scheduled retraining of {dataset.title or dataset.name}",
            tags=["climate", *stations],
            # A tick that finds the last run unfinished is dropped, not queued behind it.
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast("RunnerDeployment", deployment))  # no event loop runs here
    return made


def language_deployments(
    names: Sequence[str], *, cron: str, timezone: str | None, preset: str
) -> list[RunnerDeployment]:
    """Return a deployment a corpus.

    Args:
        names: shipped corpora or paths of TOML files.
        cron: five cron fields.
        timezone: IANA time zone of the fields; UTC when None.
        preset: which preset is trained.

    Raises:
        CorpusUnknown, CorpusInvalid: a name cannot be used.
        ScheduleInvalid: the fields or the zone cannot be read.
    """
    made: list[RunnerDeployment] = []
    for name in names:
        corpus = find_corpus(name)
        deployment = train_language.to_deployment(
            name=f"language-{corpus.name}",
            schedule=schedule_of(cron, timezone or "UTC"),
            parameters={"corpus": resolved(name), "preset": preset},
            description=f"Scheduled training on {corpus.title or corpus.name}",
            tags=["language", corpus.name],
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast("RunnerDeployment", deployment))  # no event loop runs here
    return made


def schedule_of(cron: str, timezone: str) -> Schedule:
    """Return a schedule whose parts can be read.

    Raises:
        ScheduleInvalid: the fields or the zone cannot.
    """
    try:
        # Made here for its checks only: Prefect looks at a zone when the deployment is made.
        CronSchedule(cron=cron, timezone=timezone)
        return Cron(cron, timezone=timezone)
    except ValueError as error:
        raise ScheduleInvalid(
            "the schedule cannot be read",
            expected="five cron fields and an IANA time zone",
            found=f"{cron!r} in {timezone!r}",
        ) from error
