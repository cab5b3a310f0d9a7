"""Read what was decided about a model, and show how good its version was on the gate's rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from forecasting.stores.decisions import (
    DecisionEntry,
    LeadScores,
    MoveEntry,
    decisions_path,
    moves_path,
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
    preset: str | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """The newest events of a model, newest first, how many there are in all, and the evidence.

    `entry` is the newest decision on the version that was asked for, with its scores; None where
    none is recorded.
    """

    events: tuple[Event, ...]
    total: int
    entry: DecisionEntry | None


@dataclass(frozen=True, kw_only=True)
class Skill:
    """A version's errors by lead beside its rivals', best first, and its intervals' coverage."""

    entry: DecisionEntry
    candidate: LeadScores
    rivals: Sequence[tuple[str, LeadScores]]
    seasons: Sequence[tuple[str, LeadScores]]
    picture: str
    lines: Sequence[Line]
    coverage: str | None


def record_of(root: Path, model: str, version: int | None = None) -> Record:
    """Return what is recorded of a model; read again only when one of its files has changed."""
    stamps = (_stamp(decisions_path(root, model)), _stamp(moves_path(root)))
    return _record(root, model, version, stamps)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


@lru_cache(maxsize=256)
def _record(root: Path, model: str, version: int | None, _: object) -> Record:
    decisions = read_decisions(root, model)
    events = _events(decisions, read_moves(root, model))
    scored = (each for each in decisions if each.version == version and each.candidate is not None)
    entry = None if version is None else next(scored, None)
    return Record(events=tuple(events[:MOST_EVENTS]), total=len(events), entry=entry)


def _events(decisions: Sequence[DecisionEntry], moves: Sequence[MoveEntry]) -> list[Event]:
    """Return every decision, and every other change of champion, newest first.

    A promotion stands both in the decisions and in the log of moves: it is told once.
    """
    told = {(entry.version, entry.sentence) for entry in decisions if entry.promoted}
    events = [
        Event(
            time=entry.time,
            kind=entry.outcome or ("promoted" if entry.promoted else "refused"),
            version=entry.version,
            who=entry.who,
            why=entry.sentence,
            preset=entry.preset,
        )
        for entry in decisions
    ]
    events += [event for event in _moved(moves) if (event.version, event.why) not in told]
    return sorted(events, key=lambda event: event.time, reverse=True)


def _moved(moves: Sequence[MoveEntry]) -> Iterator[Event]:
    """Tell each change of champion as an event: what was champion before can only come back.

    Args:
        moves: newest first.
    """
    known: set[int | None] = set()
    for move in reversed(moves):
        lower = move.before is not None and move.after < move.before
        kind = "rolled back" if lower or move.after in known else "promoted"
        if move.who == "registry":
            kind = "set in the registry"
        yield Event(time=move.time, kind=kind, version=move.after, who=move.who, why=move.why)
        known |= {move.before, move.after}


def skill_of(record: Record, unit: str) -> Skill | None:
    """Return what the record says of how good the version is; None where it says nothing."""
    entry = record.entry
    return (
        None if entry is None or entry.candidate is None else _skill(entry, entry.candidate, unit)
    )


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


def _coverage(scores: LeadScores) -> str | None:
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
