"""Read what was decided about a model, and show how good its version was on the gate's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from forecasting.stores.decisions import (
    DecisionEntry,
    LeadScores,
    MoveEntry,
    read_decisions,
    read_moves,
)
from serving.web.pictures import Line, lead_picture
from serving.web.words import spoken

#: Most events of a history that a page lists.
MOST_EVENTS: Final = 40

#: The rivals that are always drawn; of the others, only the best.
DRAWN: Final = ("persistence", "climatology", "damped_anomaly_persistence")

SEASONS: Final = {
    "DJF": "December to February",
    "MAM": "March to May",
    "JJA": "June to August",
    "SON": "September to November",
}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a model: what, when, to which version, by whom and why."""

    time: str
    kind: str
    version: int | None
    who: str
    why: str
    entry: DecisionEntry | None = None


@dataclass(frozen=True, kw_only=True)
class Skill:
    """A version's errors by lead beside its rivals', best first, and its intervals' coverage."""

    entry: DecisionEntry
    candidate: LeadScores
    rivals: Sequence[tuple[str, LeadScores]]
    seasons: Sequence[tuple[str, LeadScores]]
    picture: Markup
    lines: Sequence[Line]
    coverage: Markup | None


def events_of(root: Path, model: str) -> list[Event]:
    """Return a model's history, newest first: every decision, and every other change of champion.

    A promotion stands both in the decisions and in the log of moves: it is told once.
    """
    decisions = read_decisions(root, model)
    told = {(entry.version, entry.sentence) for entry in decisions if entry.promoted}
    events = [
        Event(
            time=entry.time,
            kind="promoted" if entry.promoted else "refused",
            version=entry.version,
            who=entry.who,
            why=entry.sentence,
            entry=entry,
        )
        for entry in decisions
    ]
    events += [
        Event(time=move.time, kind=_kind(move), version=move.after, who=move.who, why=move.why)
        for move in read_moves(root, model)
        if (move.after, move.why) not in told
    ]
    return sorted(events, key=lambda event: event.time, reverse=True)


def _kind(move: MoveEntry) -> str:
    if move.who == "registry":
        return "set in the registry"
    return "rolled back" if move.before is not None and move.after < move.before else "promoted"


def skill_of(events: Sequence[Event], version: int, unit: str) -> Skill | None:
    """Return what the newest decision on a version recorded; None where nothing is recorded."""
    entries = [event.entry for event in events if event.entry is not None]
    for entry in entries:
        if entry.version == version and entry.candidate is not None:
            return _skill(entry, entry.candidate, unit)
    return None


def _skill(entry: DecisionEntry, candidate: LeadScores, unit: str) -> Skill:
    rivals = sorted(entry.rivals.items(), key=lambda rival: rival[1].mean_mae or float("inf"))
    lines = [
        *_rival_lines(rivals),
        Line(name="this model", look="model", values=candidate.mae_by_lead),
    ]
    title = f"Mean absolute error by lead in {unit}, beside the rivals; the table has the numbers"
    return Skill(
        entry=entry,
        candidate=candidate,
        rivals=rivals,
        seasons=[
            (said, entry.seasons[name]) for name, said in SEASONS.items() if name in entry.seasons
        ],
        picture=lead_picture(lines, title),
        lines=lines,
        coverage=_coverage(candidate),
    )


def _rival_lines(rivals: Sequence[tuple[str, LeadScores]]) -> list[Line]:
    """Return the simple rivals' lines and that of the best other one, each with its own look."""
    best = next((name for name, _ in rivals if name not in DRAWN), None)
    looks = {name: f"rival-{place}" for place, name in enumerate((*DRAWN, best))}
    return [
        Line(name=spoken(name), look=looks[name], values=scores.mae_by_lead)
        for name, scores in rivals
        if name in looks
    ]


def _coverage(scores: LeadScores) -> Markup | None:
    """Draw the share of days inside the intervals beside the share promised, in percent."""
    lines = []
    for share, found in ((80, scores.coverage_80_by_lead), (95, scores.coverage_95_by_lead)):
        if found:
            achieved = [None if each is None else 100 * each for each in found]
            promised = [float(share)] * len(found)
            lines.append(Line(name=f"{share} % promised", look="promised", values=promised))
            lines.append(
                Line(name=f"{share} % achieved", look=f"achieved-{share}", values=achieved)
            )
    title = (
        "Share of steps inside the 80 and 95 % intervals by lead, in percent; dashed is promised"
    )
    return lead_picture(lines, title, floor=70.0) if lines else None


def mean(values: Sequence[float | None] | None) -> float | None:
    """Return the mean over the leads that have a value; None where none has.

    >>> mean((1.0, None, 2.0)), mean(None)
    (1.5, None)
    """
    known = [value for value in values or () if value is not None]
    return sum(known) / len(known) if known else None
