"""Make the scheduled deployments: one a station, one a corpus, one run of each at a time."""

from collections.abc import Sequence
from typing import cast

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from forecasting.errors import SettingsInvalid
from pipelines.catalogue import find_parts, resolved
from pipelines.language import train_language
from pipelines.operations.scheduled import retrain_on_schedule
from pipelines.operations.ticks import schedule_of, subject_of
from pipelines.operations.upkeep import prune, reap
from pipelines.texts.catalogue import find_corpus

#: When the home is kept in order: a dead run is closed within two heartbeats and a minute.
UPKEEP = (
    (reap, "reaper", "* * * * *", "Close the runs of dead processes"),
    (prune, "pruner", "20 2 * * *", "Remove what is old by the policy"),
)


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
        SettingsInvalid: two names stand for one station, or one part.
    """
    made: list[RunnerDeployment] = []
    for name in names:
        parts = find_parts(name)
        dataset = parts[0]
        stations = list(dict.fromkeys(part.place.name for part in parts))
        zone = timezone or dataset.place.timezone
        deployment = retrain_on_schedule.to_deployment(
            name=f"retrain-{subject_of(parts)}",
            schedule=schedule_of(cron, zone),
            parameters={
                "dataset": resolved(name),
                "preset": preset,
                "cron": cron,
                "timezone": zone,
            },
            description=f"Scheduled retraining of {dataset.title or dataset.name}",
            tags=["climate", *stations],
            # A tick that finds the last run unfinished is dropped, not queued behind it.
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        made.append(cast("RunnerDeployment", deployment))  # no event loop runs here
    return told_apart(made)


def told_apart(made: list[RunnerDeployment]) -> list[RunnerDeployment]:
    """Return the deployments, if no later one takes an earlier one's place in the server.

    Raises:
        SettingsInvalid: two have one name.
    """
    names = [each.name for each in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingsInvalid(
            "two schedules would have one name",
            expected="each station, part or corpus once",
            found=", ".join(twice),
        )
    return made


def upkeep_deployments() -> list[RunnerDeployment]:
    """Return the deployments that keep the home in order: the reaper, and the nightly pruning."""
    made = []
    for kept, name, cron, description in UPKEEP:
        deployment = kept.to_deployment(
            name=name,
            description=description,
            schedule=schedule_of(cron, "UTC"),
            tags=["upkeep"],
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
        SettingsInvalid: two names stand for one corpus.
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
    return told_apart(made)
