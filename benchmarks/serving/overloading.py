"""Ask for ten times as much as the forecast places hold, and time the refusals and the probes."""

import http.client
import resource
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.serving import home as homes
from benchmarks.serving.generator import told_of
from benchmarks.serving.load import LoadFailed, percentile
from benchmarks.serving.stage import POST, Side, Stage
from serving.settings import ServingSettings

TIMES = 10
HEALTH = "/healthz"

#: Time between two health probes, in seconds.
PROBE_SECONDS = 0.05

#: So many times as long as other loads: its beginning, when all connect at once, is no rule.
LONGER = 3

#: Files of the process beside its connections.
SPARE_FILES = 256

MEANING = (
    "{times} times the connections that fill the forecast places: {places} places, "
    "{connections} connections, each of which posts 60 days again as soon as it is answered or "
    "refused, with no pause and without heeding Retry-After"
)


@dataclass
class Prober:
    """Asks for health once every 50 ms, each time on a new connection as an orchestrator does.

    With `kept` it asks on one connection, opened before the overload.
    """

    port: int
    kept: bool = False
    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Prober":
        """Begin to ask."""
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._ask()
        self._thread = threading.Thread(target=self._probe, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self._over.set()
        self._thread.join()
        self._connection.close()

    def _probe(self) -> None:
        following = time.perf_counter()
        while not self._over.wait(max(0.0, following - time.perf_counter())):
            following = max(following + PROBE_SECONDS, time.perf_counter())
            self._ask()

    def _ask(self) -> None:
        if not self.kept:
            self._connection.close()
        begun = time.perf_counter()
        try:
            self._connection.request("GET", HEALTH)
            answer = self._connection.getresponse()
            answer.read()
            self.failed += answer.status != 200
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self.failed += 1
        self.seconds.append(time.perf_counter() - begun)

    @property
    def p99_ms(self) -> float:
        """The p99 of the probes in milliseconds."""
        return percentile(sorted(self.seconds), 0.99) * 1e3


def allow_files(connections: int) -> None:
    """Let this process and its children have a file for each connection, where they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def overload(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Send the overload from a process of its own, and probe from this one.

    Raises:
        LoadFailed: nothing was refused, or something was neither answered nor refused: then it
            was no overload, or worse than one.
    """
    places = ServingSettings.model_fields["forecast_places"].default
    connections = TIMES * places
    allow_files(connections)
    stage.say(f"overload with {connections} connections")
    side = Side(server=stage.ours, path=POST, bodies=homes.posted(stage.home))
    load = side.load(connections, LONGER * stage.seconds)
    with Prober(stage.ours.port) as prober, Prober(stage.ours.port, kept=True) as kept:
        told = told_of(load)
    statuses, failed = told["by_status"].keys(), prober.failed + kept.failed
    if statuses != {"200", "503"} or failed:
        raise LoadFailed(
            "the overload did not go as it should",
            expected="answers with 200 and 503, and every health probe answered 200",
            found=f"{sorted(statuses)}, {failed} probes failed",
        )
    refused = told["by_status"]["503"]
    return {"overload_p99_ms": refused["p99_ms"], "health_p99_ms": prober.p99_ms}, {
        "meaning": MEANING.format(times=TIMES, places=places, connections=connections),
        "connections": connections,
        "seconds": load.seconds,
        "by_status": told["by_status"],
        "health_probes": len(prober.seconds),
        "health_longest_ms": max(prober.seconds) * 1e3,
        "health_p99_ms_on_a_kept_connection": kept.p99_ms,
    }
