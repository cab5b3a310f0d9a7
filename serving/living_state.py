"""Tell Prometheus what is true now: versions, and the age of models and of data."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving.living import LivingParts


class LivingState(Collector):
    """What is true now, read when Prometheus asks: versions and the age of models and data.

    Args:
        parts: the running app's.
    """

    def __init__(self, parts: LivingParts) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        """Yield one family a question."""
        yield from self._models()
        age = GaugeMetricFamily(
            "gatecast_data_age_seconds",
            "Time since a station's last observation",
            labels=["station"],
        )
        for name in self._parts.records.names:
            time = self._parts.records.of(name).recent.time
            if time:
                age.add_metric([name], _age(time[-1]))
        yield age
        deleted = GaugeMetricFamily(
            "gatecast_deleted_versions",
            "Live champions whose version has been deleted in the registry",
        )
        healer = self._parts.healer
        deleted.add_metric([], 0 if healer is None else len(healer.deleted))
        yield deleted

    def _models(self) -> Iterator[Metric]:
        version = GaugeMetricFamily(
            "gatecast_model_version", "Version of the live champion", labels=["model"]
        )
        age = GaugeMetricFamily(
            "gatecast_model_age_seconds",
            "Time since the last day that the live champion was trained on",
            labels=["model"],
        )
        lowest = GaugeMetricFamily(
            "gatecast_forecast_lowest",
            "Lowest value forecast by the live champion",
            labels=["model"],
        )
        highest = GaugeMetricFamily(
            "gatecast_forecast_highest",
            "Highest value forecast by the live champion",
            labels=["model"],
        )
        for model in self._parts.champions.models:
            champion = self._parts.champions.of(model)
            version.add_metric([model], champion.pointer.version)
            age.add_metric([model], _age(champion.card.trained_through))
            if champion.seen.any:
                lowest.add_metric([model], champion.seen.lowest)
                highest.add_metric([model], champion.seen.highest)
        yield from (version, age, lowest, highest)


def _age(label: str) -> float:
    """Return the seconds since a label, which is a date or a moment on the station's calendar."""
    moment = datetime.fromisoformat(label)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (datetime.now(UTC) - moment).total_seconds()
