"""Keep the encoded answers to the usual questions, until the champion or the days change."""

import operator
from typing import Any, Final

from forecasting.errors import NoChampion
from forecasting.stores.stations import StationRecord
from serving.answers import Reach, encode, forecast_answer, merged
from serving.champions import Champions
from serving.history import recent_history
from serving.records import Records
from serving.runtime import Forecaster
from serving.selection import FIRST, Selection, require_targets

#: Most answers kept at once: targets can be asked for in more orders than anybody needs.
MOST_KEPT: Final = 4096


class Answers:
    """The encoded answers from the stations' own days, computed once per champion and record.

    An entry counts only for the very forecaster and record it was made from, so that a swap
    or a new day needs no clearing: the next request makes the entry anew.

    Args:
        records: the stations.
        champions: their live models.
    """

    def __init__(self, records: Records, champions: Champions) -> None:
        self._records = records
        self._champions = champions
        self._kept: dict[
            tuple[str, Reach, Selection], tuple[StationRecord, tuple[Forecaster, ...], bytes]
        ] = {}

    def parts(
        self, station: str, selection: Selection = FIRST
    ) -> tuple[StationRecord, tuple[Forecaster, ...]]:
        """Return a station's record and the champion of each target asked for.

        Raises:
            StationUnknown: no such station has been admitted.
            RequestRefused: as `Selection.among`.
            NoChampion: a target has no promoted model.
        """
        record = self._records.of(station)
        targets = selection.among(record)
        if selection.word is None:
            return record, (self.part(station, None)[1],)
        return record, tuple(self.champion(record, target) for target in targets)

    def part(self, station: str, target: str | None) -> tuple[StationRecord, Forecaster]:
        """Return a station's record and the champion of one target, the first one when None.

        Raises:
            StationUnknown, NoChampion: as `parts`.
            RequestRefused: it is none of the station's targets.
        """
        record = self._records.of(station)
        if target is None:
            return record, self._champions.of(record.card.model(record.card.target))
        require_targets(record, (target,), "target")
        return record, self.champion(record, target)

    def champion(self, record: StationRecord, target: str) -> Forecaster:
        """Return the live champion of one target.

        Raises:
            NoChampion: it has no promoted model, or one from when the station was another.
        """
        forecaster = self._champions.of(record.card.model(target))
        card = forecaster.card
        if (card.target, card.step_seconds) != (target, record.card.step_seconds):
            raise NoChampion(
                f"no model forecasts {target} of {record.card.name}", expected="a promoted version"
            )
        return forecaster

    def kept(
        self,
        station: str,
        days: int | None,
        hours: int | None = None,
        selection: Selection = FIRST,
    ) -> bytes | None:
        """Return the encoded answer if it has been computed; raises as `parts` does."""
        record, forecasters = self.parts(station, selection)
        entry = self._kept.get((station, Reach(days=days, hours=hours), selection))
        if entry is None or entry[0] is not record:
            return None
        same = len(entry[1]) == len(forecasters) and all(map(operator.is_, entry[1], forecasters))
        return entry[2] if same else None

    def compute(
        self,
        station: str,
        days: int | None,
        hours: int | None = None,
        selection: Selection = FIRST,
    ) -> bytes:
        """Compute, keep and return the encoded answer.

        Raises:
            RequestRefused: as `Reach.steps`.
            StationUnobserved: the station's own days are not enough.
            ModelOutputInvalid: the forecast is not finite or not in order.
        """
        record, forecasters = self.parts(station, selection)
        reach = Reach(days=days, hours=hours)
        answers = [self._of_own_days(record, each, reach) for each in forecasters]
        encoded = encode(answers[0] if selection.word is None else merged(answers))
        if len(self._kept) >= MOST_KEPT:
            self._kept = {}
        self._kept[station, reach, selection] = (record, forecasters, encoded)
        return encoded

    def _of_own_days(
        self, record: StationRecord, forecaster: Forecaster, reach: Reach
    ) -> dict[str, Any]:
        """Forecast from the station's own days, under the eyes of the champions."""
        history = recent_history(record, forecaster.card)
        with self._champions.judged(forecaster):
            return forecast_answer(record, forecaster, history, reach)
