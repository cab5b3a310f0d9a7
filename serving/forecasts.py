"""Answer wishes: from the stations' own days or from posted ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import GatecastError, ModelOutputInvalid
from forecasting.stores.stations import StationRecord
from serving.answers import Outcome, merged, model_outcome, written
from serving.freshness import check_age, last_ended
from serving.history import (
    Columns,
    History,
    posted_history,
    posted_origin,
    recent_history,
    seconds_of_label,
)
from serving.live import Live
from serving.refusals import DataTooOld, StationTooShort
from serving.runtime import Forecaster
from serving.usual import REPLACEABLE, usual_outcome
from serving.wishes import Wish


@dataclass(frozen=True)
class Posted:
    """A client's own history: labels, oldest first, and one list a variable."""

    time: Sequence[str]
    columns: Columns


@dataclass(frozen=True, kw_only=True)
class Question:
    """One target of a wish: the forecaster and the history for it, or why there is none."""

    target: str
    forecaster: Forecaster | None = None
    history: History | None = None
    reason: GatecastError | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A wish with everything that its answer is made of; `now` is in seconds since 1970 UTC."""

    wish: Wish
    record: StationRecord
    posted: Posted | None
    questions: tuple[Question, ...]
    now: float

    @property
    def quick(self) -> bool:
        """Whether what it asks is over at once: one quick graph, and not one for each target."""
        asked = [each.forecaster for each in self.questions if each.forecaster is not None]
        return len(asked) <= 1 and all(each.pace.quick for each in asked)


#: What the graph said: (horizon, levels), or why it said nothing fit to be sent.
Said = NDArray[np.float64] | ModelOutputInvalid | None


def prepare(live: Live, wish: Wish, posted: Posted | None, now: float) -> Prepared:
    """Look up and check all that a wish needs, without running a graph.

    Raises:
        StationUnknown: no such station has been admitted.
        RequestRefused: words or a history that do not fit the station or its models.
        DataTooOld, NoChampion, StationUnobserved: no model can answer, and no fallback is wished.
    """
    record = live.record(wish.station)
    targets = wish.selection.among(record)
    too_old = _too_old(record, targets, now) if posted is None else None
    if too_old is not None and not wish.fallback:
        raise too_old
    questions = []
    for target in targets:
        try:
            if too_old is not None:
                raise too_old
            questions.append(_question(live, wish, record, target, posted))
        except REPLACEABLE as error:
            if not wish.fallback:
                raise
            questions.append(Question(target=target, reason=error))
    return Prepared(wish=wish, record=record, posted=posted, questions=tuple(questions), now=now)


def _too_old(record: StationRecord, targets: Sequence[str], now: float) -> DataTooOld | None:
    try:
        check_age(record, targets, now)
    except DataTooOld as error:
        return error
    return None


def _question(
    live: Live, wish: Wish, record: StationRecord, target: str, posted: Posted | None
) -> Question:
    forecaster = live.champion(record, None if wish.selection.word is None else target)
    card = forecaster.card
    wish.reach.steps(card)
    wish.form.places(card.levels)
    if posted is None:
        history = recent_history(record, card)
    else:
        history = posted_history(posted.time, posted.columns, record, card)
    return Question(target=target, forecaster=forecaster, history=history)


def run(prepared: Sequence[Prepared]) -> list[list[Said]]:
    """Run the graphs, each for all that ask it; returns a list per wish, one per target."""
    said: list[list[Said]] = [[None] * len(each.questions) for each in prepared]
    asking: dict[int, list[tuple[int, int]]] = {}
    for wish, each in enumerate(prepared):
        for target, question in enumerate(each.questions):
            if question.forecaster is not None and question.history is not None:
                asking.setdefault(id(question.forecaster), []).append((wish, target))
    for places in asking.values():
        questions = [prepared[wish].questions[target] for wish, target in places]
        for (wish, target), word in zip(places, _ask(questions), strict=True):
            said[wish][target] = word
    return said


def _ask(questions: Sequence[Question]) -> list[Said]:
    """Return what the one forecaster of some questions says to each."""
    forecaster = cast("Forecaster", questions[0].forecaster)
    histories = [cast("History", each.history) for each in questions]
    try:
        return list(forecaster.many(histories))
    except ModelOutputInvalid as error:
        if len(questions) == 1:
            return [error]
    # One of them has spoiled it: the others are owed their forecasts.
    return [word for each in questions for word in _ask([each])]


def judge_own_days(
    live: Live, prepared: Sequence[Prepared], said: Sequence[Sequence[Said]]
) -> None:
    """Tell of each forecaster whether it could forecast from days that the checks have admitted."""
    for each, words in zip(prepared, said, strict=True):
        if each.posted is None:
            for question, word in zip(each.questions, words, strict=True):
                live.judge(question.forecaster, valid=not isinstance(word, ModelOutputInvalid))


def answer(prepared: Prepared, said: Sequence[Said]) -> dict[str, Any]:
    """Write the answer to one wish.

    Raises:
        ModelOutputInvalid: a forecast is not fit to be sent, and no fallback is wished.
        NoClimatology: a fallback is wished and none is kept.
        RequestRefused: as `written`.
    """
    wish, record = prepared.wish, prepared.record
    answers = [
        written(record, _outcome(prepared, question, each), wish.form)
        for question, each in zip(prepared.questions, said, strict=True)
    ]
    return answers[0] if wish.selection.word is None else merged(answers)


def _outcome(prepared: Prepared, question: Question, said: Said) -> Outcome:
    reach, reason = prepared.wish.reach, question.reason
    if isinstance(said, ModelOutputInvalid):
        if not prepared.wish.fallback:
            raise said
        reason = said
    elif question.forecaster is not None and question.history is not None and said is not None:
        steps = reach.steps(question.forecaster.card)
        return model_outcome(question.forecaster, question.history.origin, said[:steps])
    reason = reason or ModelOutputInvalid("the model said nothing")
    origin = _usual_origin(prepared, reason)
    return usual_outcome(prepared.record, question.target, origin, reach, reason)


def _usual_origin(prepared: Prepared, reason: GatecastError) -> int:
    """Return the step after which a climatology begins: where data are too old, the last ended."""
    record = prepared.record
    if prepared.posted is not None:
        return posted_origin(prepared.posted.time, record.card.step_seconds)
    if isinstance(reason, DataTooOld):
        return last_ended(record, prepared.now)
    if not record.recent.time:
        raise StationTooShort("no steps of the station are kept", expected="1 or more", found=0)
    return seconds_of_label(record.recent.time[-1])
