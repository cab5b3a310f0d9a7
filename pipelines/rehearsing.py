"""Rehearse a retraining: as of an earlier day, or up to the door of the registry and no further."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from data_checks.admissions import save_admission
from data_checks.verdict import Admission
from forecasting.errors import DataRefused, SeriesTooShort, SettingsInvalid
from forecasting.settings import Settings
from pipelines import recording
from pipelines.deciding import Decision, wanted
from pipelines.judging import read_judgement
from pipelines.refitting import read_refit
from pipelines.workspace import read_plan

#: What a retraining would have done with its candidate.
PROMOTE, PROPOSE, KEEP, REFUSE = "promote", "propose", "keep as challenger", "refuse"


def rehearse(settings: Settings, folder: Path, run_id: str) -> dict[str, Any]:
    """Log and return what the gate would have decided; neither registers nor moves an alias."""
    judgement = read_judgement(folder)
    verdict = judgement.verdict
    passed = PROPOSE if settings.two_pairs_of_eyes else PROMOTE
    would = passed if verdict.promoted else KEEP if wanted(verdict) else REFUSE
    sentence = f"Dry run, would {would}: {verdict.sentence}"
    decision = Decision(
        model=read_plan(folder).model,
        version=None,
        promoted=False,
        verdict=replace(verdict, sentence=sentence),
        refit=read_refit(folder),
        judged_against=judgement.champion,
    )
    recording.log_decision(settings, run_id, decision)
    told = recording.decision_json(judgement, decision, run_id)
    return told | {"dry_run": True, "would": would}


def cut_off(settings: Settings, admission: Admission, until: str) -> str:
    """Keep an admitted series as it was known at the end of a day; returns its SHA-256.

    It is bound to the verdict of the whole, and to the moment at which it was cut.

    Args:
        settings: the home folder.
        admission: an accepted one.
        until: the last day that may be seen, on the station's calendar.

    Raises:
        SettingsInvalid: it is no date.
        SeriesTooShort: nothing was observed until then.
        DataRefused: the checks refused the batch.
    """
    series = admission.series
    if series is None:
        raise DataRefused(f"{admission.dataset} was refused", expected="an accepted batch")
    last = datetime.combine(day_of(until), datetime.min.time(), series.start.tzinfo)
    steps = (last + timedelta(days=1) - series.start) // series.step
    if steps < 1:
        raise SeriesTooShort(
            "nothing was observed until then",
            expected=f"a day from {series.start.date()}",
            found=until,
        )
    past = series.rows(0, min(steps, len(series)))
    cut = replace(admission, series=past, data_sha256=past.sha256, accepted=len(past))
    save_admission(settings.root, cut)
    return past.sha256


def day_of(text: str) -> date:
    """Read a day as people write it.

    Raises:
        SettingsInvalid: it is no date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsInvalid(
            "a day cannot be read", expected="YYYY-MM-DD", found=text[:40]
        ) from error
