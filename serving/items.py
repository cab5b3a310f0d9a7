"""Answer many wishes at once: each gets its answer or its problem, and none fails the others."""

from collections.abc import Sequence
from typing import Any

from forecasting.errors import GatecastError
from serving.asking import BatchItem, read_batch_item
from serving.forecasts import Posted, Prepared, Said, answer, judge_own_days, prepare, run
from serving.kept import Answers


def batch_answers(
    answers: Answers, items: Sequence[object]
) -> list[dict[str, Any] | GatecastError]:
    """Return, in the order of the items, what each is answered or why it is refused.

    Args:
        answers: what answers a single wish.
        items: parsed JSON, each still to be read.

    Items with one model go through its graph together, whatever stations' days they bring.
    """
    now = answers.clock()
    found: list[Prepared | GatecastError] = [_prepared(answers, item, now) for item in items]
    ready = [each for each in found if isinstance(each, Prepared)]
    said = run(ready)
    judge_own_days(answers.live, ready, said)
    pairs = iter(zip(ready, said, strict=True))
    return [_answered(*next(pairs)) if isinstance(each, Prepared) else each for each in found]


def _prepared(answers: Answers, item: object, now: float) -> Prepared | GatecastError:
    try:
        asked = read_batch_item(item)
        return prepare(answers.live, asked.wish(), _history_of(asked), now)
    except GatecastError as error:
        return error


def _history_of(asked: BatchItem) -> Posted | None:
    history = asked.history
    return None if history is None else Posted(history.time, history.columns)


def _answered(prepared: Prepared, said: Sequence[Said]) -> dict[str, Any] | GatecastError:
    try:
        return answer(prepared, said)
    except GatecastError as error:
        return error
