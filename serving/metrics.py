"""Count what is asked and answered, and tell Prometheus; one registry an app, one sum a service."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

#: Upper bounds in seconds: a kept answer takes a quarter of a millisecond, an ensemble a few.
BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)

#: Set by `gatecast serve` for several workers, whose counts prometheus_client then adds up.
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        # When a counter was made says nothing that the scrape does not.
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "gatecast_requests",
            "Requests answered",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "gatecast_request_seconds",
            "Time from a request's head to the end of its answer",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.refused = Counter(
            "gatecast_admission_refused",
            "Requests turned away because too much was in work",
            ("desk",),
            registry=self.registry,
        )
        self.depth = Gauge(
            "gatecast_queue_depth",
            "Requests in work or waiting",
            ("desk",),
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.swaps = Counter(
            "gatecast_swaps", "Champions swapped in", ("kind",), registry=self.registry
        )
        self.swap_failures = Counter(
            "gatecast_swap_failures",
            "Champions that could not be swapped in",
            ("kind",),
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "gatecast_fallbacks",
            "Times that an earlier version stood in for a failing champion",
            ("kind",),
            registry=self.registry,
        )
        self.copy_failures = Counter(
            "gatecast_copy_failures",
            "Local copies of what is live that could not be written",
            registry=self.registry,
        )
        self.rate_errors = Counter(
            "gatecast_rate_storage_errors",
            "Requests that were counted in the process because the shared storage was away",
            registry=self.registry,
        )
        # Looking a child up by its labels costs more than counting.
        self._kept: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        known = self._kept.get((route, method, status))
        if known is None:
            counter = self._requests.labels(route, method, str(status))
            histogram = self._seconds.labels(route)

            def known(seconds: float) -> None:
                counter.inc()
                histogram.observe(seconds)

            self._kept[route, method, status] = known
        known(seconds)

    def expose(self, state: Collector) -> bytes:
        """Return everything in Prometheus' text form.

        Args:
            state: what is true now, beside what has been counted.
        """
        registry = CollectorRegistry()
        folder = os.environ.get(SHARED)
        if folder is None:
            registry.register(self.registry)
        else:
            _forget_the_dead(Path(folder))
            MultiProcessCollector(registry, folder)
        registry.register(state)
        return generate_latest(registry)


class Mirror:
    """Carries on, a look at a time, what other parts count without knowing of Prometheus."""

    def __init__(self) -> None:
        self._counters: list[tuple[Counter, Callable[[], float]]] = []
        self._gauges: list[tuple[Gauge, Callable[[], float]]] = []
        self._carried: dict[int, float] = {}

    def count(self, counter: Counter, total: Callable[[], float]) -> None:
        """Let a counter follow a total that only grows."""
        self._counters.append((counter, total))

    def show(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Let a gauge follow a value."""
        self._gauges.append((gauge, value))

    def look(self) -> None:
        """Add what has been counted since the last look."""
        for place, (counter, total) in enumerate(self._counters):
            now = total()
            counter.inc(now - self._carried.get(place, 0))
            self._carried[place] = now
        for gauge, value in self._gauges:
            gauge.set(value())


def _forget_the_dead(folder: Path) -> None:
    """Take ended workers' share out of what only living ones have."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = int(path.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid, str(folder))
