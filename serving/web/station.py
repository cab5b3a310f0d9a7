"""Put together what a station's page shows: the forecast, its model, its evidence, its history."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from forecasting.errors import GatecastError, NoChampion
from forecasting.stores.stations import StationRecord
from serving.chart import Fan, Interval, Observed, fan_of
from serving.history import DAY_SECONDS, label_of, seconds_of_label
from serving.living import LivingParts
from serving.runtime import Forecaster
from serving.selection import Selection, require_targets
from serving.web.evidence import Record, Skill, record_of, skill_of
from serving.web.pictures import fan_picture
from serving.web.vega import fan_specification
from serving.web.words import day, places_of, spoken
from serving.wishes import Wish

#: Steps observed that are drawn before the forecast: 120 days, or a week of hours.
DAYS_DRAWN, HOURS_DRAWN = 120, 168

#: The intervals of the fan in percent; all there are where a model has none of these.
SHARES: Final = (50, 80, 95)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A step of the forecast as the table has it; `intervals` narrowest first."""

    label: str
    median: float
    intervals: Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The first step ahead: its median, and one interval if the model states any."""

    label: str
    median: float
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class StationPage:
    """All that the template of a station needs.

    `why` says in words why no model answers; there may be a climatology in its place, or none.
    """

    record: StationRecord
    target: str
    unit: str
    model: str
    answer: dict[str, Any] | None
    forecaster: Forecaster | None
    why: str | None
    fan: Fan
    picture: str
    specification: dict[str, Any]
    places: int
    history: Record
    skill: Skill | None

    @property
    def hourly(self) -> bool:
        """Whether the station's steps are shorter than a day."""
        return self.record.card.step_seconds < DAY_SECONDS

    @property
    def rows(self) -> list[Row]:
        """The forecast, a row a step."""
        narrow = list(reversed(self.fan.intervals))
        return [
            Row(
                label=label,
                median=self.fan.median[step],
                intervals=[(each.low[step], each.high[step]) for each in narrow],
            )
            for step, label in enumerate(self.fan.ahead)
        ]

    @property
    def headline(self) -> Headline | None:
        """The first step ahead with its 80 % interval, or the widest where there is no such."""
        if not self.fan.ahead:
            return None
        found = [each for each in self.fan.intervals if round(each.share, 6) == 80]
        chosen = next(iter([*found, *self.fan.intervals]), None)
        return Headline(
            label=self.fan.ahead[0],
            median=self.fan.median[0],
            share=None if chosen is None else chosen.share,
            low=None if chosen is None else chosen.low[0],
            high=None if chosen is None else chosen.high[0],
        )

    @property
    def refused(self) -> list[str]:
        """The labels of the drawn steps whose value the data checks refused."""
        return [label for label, _ in self.fan.observed if label in self.fan.quarantined]


def station_page(living: LivingParts, name: str, target: str | None) -> StationPage:
    """Look a station up and forecast one of its targets, the first one when None.

    Raises:
        StationUnknown: no such station has been admitted.
        RequestRefused: it has no such target.
    """
    record = living.records.of(name)
    wanted = record.card.target if target is None else target
    require_targets(record, (wanted,), "target")
    unit = {each.name: each.unit for each in record.card.variables}.get(wanted, "")
    forecaster = _champion(living, record, wanted)
    answer, why = _forecast(living, record, wanted)
    fan = _fan(record, wanted, answer)
    model = record.card.model(wanted)
    version = None if forecaster is None else forecaster.pointer.version
    history = record_of(living.settings.root, model, version)
    said = spoken(wanted)
    return StationPage(
        record=record,
        target=wanted,
        unit=unit,
        model=model,
        answer=answer,
        forecaster=forecaster,
        why=why,
        fan=fan,
        picture=fan_picture(fan, _title(record, fan, said, unit)),
        specification=fan_specification(fan, said, unit),
        places=_places(fan),
        history=history,
        skill=skill_of(history, unit),
    )


def _champion(living: LivingParts, record: StationRecord, target: str) -> Forecaster | None:
    try:
        return living.answers.live.champion(record, target)
    except NoChampion:
        return None


def _forecast(
    living: LivingParts, record: StationRecord, target: str
) -> tuple[dict[str, Any] | None, str | None]:
    """Return what the API answers, with its climatology where no model can; and why that is so."""
    word = "daily" if record.card.step_seconds >= DAY_SECONDS else "hourly"
    selection = Selection(word=word, targets=(target,))
    wishes = (Wish(station=record.card.name, selection=selection, fallback=True),)
    try:
        kept = living.answers.kept(wishes) or living.answers.compute(wishes)
    except GatecastError as error:
        # Where not even a climatology is kept, the reason is what a model lacked.
        reason = error.__cause__ if isinstance(error.__cause__, GatecastError) else error
        return None, _why(reason.code, str(reason))
    answer: dict[str, Any] = json.loads(kept.body)
    fallback = answer.get("fallback")
    if fallback is None:
        return answer, None
    why = _why(fallback["reason"], fallback["detail"])
    return answer, f"{why} Shown is what is usual at this time of year."


def _why(code: str, detail: str) -> str:
    if code == NoChampion.code:
        return "No model has been promoted for it yet."
    return f"There is no forecast from its model: {detail} ({code})."


def _fan(record: StationRecord, target: str, answer: dict[str, Any] | None) -> Fan:
    observed = _observed(record, target, None if answer is None else answer["origin"])
    quarantined = frozenset(record.recent.quarantined.get(target, ()))
    if answer is None:
        return Fan(observed=observed, quarantined=quarantined)
    fan = fan_of(answer, observed, quarantined)
    return replace(fan, intervals=_chosen(fan.intervals))


def _observed(record: StationRecord, target: str, origin: str | None) -> Observed:
    """Return the last steps up to the origin, which lies behind old days for a climatology."""
    recent, length = record.recent, record.card.step_seconds
    if not recent.time:
        return []
    values = recent.values.get(target, (None,) * len(recent.time))
    places = [seconds_of_label(label) for label in recent.time]
    known = dict(zip(places, zip(recent.time, values, strict=True), strict=True))
    last = places[-1] if origin is None else seconds_of_label(origin)
    first = last - ((DAYS_DRAWN if length >= DAY_SECONDS else HOURS_DRAWN) - 1) * length
    return [
        known.get(place, (label_of(place, length), None))
        for place in range(first, last + 1, length)
        if place >= places[0]
    ]


def _chosen(intervals: Sequence[Interval]) -> Sequence[Interval]:
    wanted = [each for each in intervals if round(each.share, 6) in SHARES]
    return wanted or intervals


def _places(fan: Fan) -> int:
    """Return the decimals of the forecast's table: finer where a fan is narrow."""
    widest = fan.intervals[0] if fan.intervals else None
    values = list(fan.median) if widest is None else [widest.low[0], widest.high[0]]
    return places_of(values)


def _title(record: StationRecord, fan: Fan, said: str, unit: str) -> str:
    """Say in a sentence what the picture shows."""
    first = f"{said} at {record.card.name} in {unit}: {len(fan.observed)} observed steps"
    if not fan.ahead:
        return first
    ahead = f"{len(fan.ahead)} forecast steps from {day(fan.ahead[0])}"
    return f"{first}, then {ahead}; the table has the numbers"


def neighbours(living: LivingParts) -> list[dict[str, Any]]:
    """Return every station for the picker: its name, and whether its first target is forecast."""
    live = frozenset(living.champions.models)
    records = [living.records.of(name) for name in living.records.names]
    return [
        {
            "name": record.card.name,
            "target": record.card.target,
            "live": record.card.model(record.card.target) in live,
            "last": record.recent.time[-1] if record.recent.time else None,
        }
        for record in records
    ]


def first_station(living: LivingParts) -> str | None:
    """Return the station to begin with: the first with a champion, else the first, else None."""
    stations = neighbours(living)
    live = [each["name"] for each in stations if each["live"]]
    every = [each["name"] for each in stations]
    return next(iter(live + every), None)
