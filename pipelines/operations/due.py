"""Say why a retraining is due: new data, cleared checks, drifted inputs, an old champion."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from data_checks.admissions import load_admitted
from data_checks.declaration import Dataset
from forecasting.climate.drift import Drift, drift_of, recent_of
from forecasting.climate.series import ClimateSeries
from forecasting.errors import DataUnchecked, NoChampion, StationUnknown
from forecasting.settings import Settings
from forecasting.stores.decisions import read_decisions, read_moves
from forecasting.stores.files import sha256
from forecasting.stores.published import ModelCard, read_card, read_pointer, version_folder
from forecasting.stores.stations import read_station
from pipelines.admitting import admit_files, land_files
from pipelines.attempts import Attempt, last_attempt

NO_CHAMPION, NEW_DATA = "no-champion", "new-data"
CHECKS_CLEARED, DRIFT, AGE = "checks-cleared", "drift", "age"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why a retraining of a model is due, in a word, with what was found."""

    model: str
    trigger: str
    found: str


@dataclass(frozen=True, kw_only=True)
class Due:
    """What was looked at for a model: why it is due, if it is, and how its inputs stand."""

    model: str
    reasons: tuple[Reason, ...]
    drift: tuple[Drift, ...]

    def to_json(self) -> dict[str, object]:
        """Return it as the command line prints it."""
        return {"due": bool(self.reasons), **asdict(self)}


def due(
    settings: Settings, part: str, dataset: Dataset, now: datetime, csv: Sequence[str] = ()
) -> Due:
    """Look at every trigger of one station and target, the clock apart.

    The source is asked, and its files are landed; checks run only where the last ones refused.

    Args:
        settings: where things are kept.
        part: by which the dataset is found.
        dataset: it.
        now: with a zone.
        csv: local files to take instead of the declared source.

    Raises:
        SourceUnavailable, SourceFormat, SourceForbidden, AlreadyRunning: as a retraining's landing.
    """
    files = land_files(settings, part, csv)
    attempt = last_attempt(settings.root, dataset.model)
    found: list[tuple[str, str]] = [
        *_of_files(settings, part, files, attempt),
        *reasons_of_champion(settings, dataset.model, now),
    ]
    drift = drift_of_model(settings, dataset)
    shifted = [f"{each.variable} by {each.shift:+g}" for each in drift if each.drifted]
    if shifted:
        found.append((DRIFT, ", ".join(shifted)))
    reasons = [Reason(model=dataset.model, trigger=word, found=text) for word, text in found]
    return Due(model=dataset.model, reasons=tuple(reasons), drift=drift)


def _of_files(
    settings: Settings, part: str, files: Sequence[str], attempt: Attempt | None
) -> list[tuple[str, str]]:
    """Compare the landed files with those of the last retraining."""
    digests = {sha256(Path(file)) for file in files}
    if attempt is None or digests != set(attempt.files_sha256):
        new = len(digests - set(attempt.files_sha256 if attempt else ()))
        return [(NEW_DATA, f"{new} of {len(digests)} files are new")]
    if attempt.verdict == "refused" and admit_files(settings, part, files).verdict == "accepted":
        return [(CHECKS_CLEARED, f"{attempt.code} no longer refuses them")]
    return []


def reasons_of_champion(settings: Settings, model: str, now: datetime) -> list[tuple[str, str]]:
    """Ask whether there is a champion, and when it last was promoted or stood its ground.

    Returns (trigger, what was found) of each reason to train; no source is asked.
    """
    try:
        read_pointer(settings.root, model)
    except NoChampion:
        return [(NO_CHAMPION, "nothing has been promoted")]
    age = champion_age(settings.root, model, now)
    if age is None or age <= settings.champion_days:
        return []
    return [(AGE, f"{age:.1f} days since it was last judged, {settings.champion_days:g} allowed")]


def champion_age(root: Path, model: str, now: datetime) -> float | None:
    """Return the days since a model's champion was promoted or last held against a candidate.

    None where neither log knows of it.
    """
    times = [entry.time for entry in read_moves(root, model)[:1]]
    times += [entry.time for entry in read_decisions(root, model)[:1]]
    known = [datetime.fromisoformat(time).astimezone(UTC) for time in times]
    return (now - max(known)).total_seconds() / 86_400 if known else None


def drift_of_model(settings: Settings, dataset: Dataset) -> tuple[Drift, ...]:
    """Compare a station's last admitted days with the rows that its champion was trained on.

    Empty where there is no champion, or either series is no longer kept.
    """
    try:
        card = _champion(settings.root, dataset.model)
        record = read_station(settings.root, dataset.place.name)
        digest = record.recent.series.get(dataset.target, record.recent.data_sha256)
        series = load_admitted(settings.root, digest)
        training = load_admitted(settings.root, card.data_sha256)
    except (NoChampion, StationUnknown, DataUnchecked):
        return ()
    trained = _steps_through(training, card.trained_through)
    seen = _steps_through(series, card.trained_through)
    return drift_of(training.rows(0, trained), recent_of(series, seen))


def _champion(root: Path, model: str) -> ModelCard:
    return read_card(version_folder(root, read_pointer(root, model)))


def _steps_through(series: ClimateSeries, day: str) -> int:
    """Count the steps of a series up to the end of a day."""
    days = (date.fromisoformat(day[:10]) - series.start.date()).days + 1
    per_day = max(int(86_400 // series.step.total_seconds()), 1)
    return min(max(days * per_day, 0), len(series))
