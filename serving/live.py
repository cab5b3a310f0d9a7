"""Find what answers now: a station's record, and the champion of a target."""

from forecasting.errors import GatecastError, NoChampion
from forecasting.stores.stations import StationRecord
from serving.champions import Champions
from serving.records import Records
from serving.runtime import Forecaster
from serving.selection import require_targets


class Live:
    """The records and the champions behind one way of asking.

    Args:
        records: the stations.
        champions: their live models.
    """

    def __init__(self, records: Records, champions: Champions) -> None:
        self._records = records
        self._champions = champions

    def record(self, station: str) -> StationRecord:
        """Return a station's record.

        Raises:
            StationUnknown: no such station has been admitted.
        """
        return self._records.of(station)

    def part(self, station: str, target: str | None) -> tuple[StationRecord, Forecaster]:
        """Return a station's record and the champion of one target, the first one when None.

        Raises:
            StationUnknown: no such station has been admitted.
            RequestRefused: it is none of the station's targets.
            NoChampion: the target has no promoted model.
        """
        record = self.record(station)
        if target is not None:
            require_targets(record, (target,), "target")
        return record, self.champion(record, target)

    def champion(self, record: StationRecord, target: str | None) -> Forecaster:
        """Return the live champion of one target, of the station's first when None.

        Raises:
            NoChampion: it has no promoted model, or one from when the station was another.
        """
        wanted = record.card.target if target is None else target
        forecaster = self._champions.of(record.card.model(wanted))
        card = forecaster.card
        another = target is not None and card.target != target
        if another or card.step_seconds != record.card.step_seconds:
            raise NoChampion(
                f"no model forecasts {wanted} of {record.card.name}", expected="a promoted version"
            )
        return forecaster

    def judge(self, forecaster: Forecaster | None, *, valid: bool) -> None:
        """Tell the champions whether a forecast after a station's own days was fit to be sent."""
        if forecaster is not None:
            self._champions.judge(forecaster, valid=valid)

    def model(self, name: str) -> Forecaster:
        """Return a live model by its registered name.

        Raises:
            NoChampion: there is none of that name.
        """
        return self._champions.of(name)

    def source(self, station: str, target: str) -> tuple[StationRecord | None, Forecaster | None]:
        """Return what an answer is made of, None for what is not there; never raises."""
        record, forecaster = None, None
        try:
            record = self._records.of(station)
            forecaster = self._champions.of(record.card.model(target))
        except GatecastError:
            return record, None
        return record, forecaster
