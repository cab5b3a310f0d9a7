"""Hold what one run needs: the homes, the servers (each started when it is first asked), the load.

All sides of a comparison are there at once and are loaded by turns: what slows the machine
slows all.
"""

import json
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from benchmarks.outside import ONE_THREAD
from benchmarks.serving import home as homes
from benchmarks.serving import rival
from benchmarks.serving.home import STATION, Home
from benchmarks.serving.load import Generator, Load, LoadFailed, Measured, sound
from benchmarks.serving.servers import Server, ask, free_port, gatecast, running

FORECAST: Final = f"/v1/forecast?station={STATION}"
POST: Final = "/v1/forecast"

#: Connections at which everything is loaded; the headline ratios are those of the middle one.
CONNECTIONS: Final = (1, 4, 64)
HEADLINE: Final = 4

WARM_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison: a path of a server, with bodies where it is posted to."""

    server: Server
    path: str
    bodies: tuple[str, ...] = ()

    def load(self, connections: int, seconds: float) -> Load:
        """Return a load on it."""
        return Load(
            port=self.server.port,
            path=self.path,
            bodies=self.bodies,
            connections=connections,
            seconds=seconds,
        )


@dataclass(kw_only=True)
class Stage:
    """The parts of a run in one folder; whoever ends `ending` ends every server."""

    folder: Path
    source: Home
    generator: Generator
    seconds: float
    repeats: int
    mlflow: bool
    ending: ExitStack
    say: Callable[[str], None]

    @cached_property
    def home(self) -> Home:
        """A home with the whole champion."""
        return homes.copied(self.source, self.folder / "home")

    @cached_property
    def single_files(self) -> Path | None:
        """A version of one member; None where the champion's weights are not there."""
        return homes.single(self.source.files, self.folder / "single-files")

    @cached_property
    def ours(self) -> Server:
        """The API, whole champion."""
        return self._gatecast(self.home, "ours")

    @cached_property
    def single(self) -> Server | None:
        """The API, one member."""
        if self.single_files is None:
            return None
        home = homes.copied(self.source, self.folder / "single", self.single_files)
        return self._gatecast(home, "single-server")

    @cached_property
    def behind(self) -> Server:
        """The real API with one more route, a constant."""
        return self._constant("behind", "/readyz", self.home.environment)

    @cached_property
    def bare(self) -> Server:
        """The constant alone."""
        return self._constant("bare", "/constant", {})

    @cached_property
    def lecture(self) -> Server | None:
        """MLflow's server as it comes; None where it is left out."""
        return self._mlflow("mlflow", {})

    @cached_property
    def lecture_one_thread(self) -> Server | None:
        """The same with one thread for torch, as our graphs have; None where it is left out."""
        return self._mlflow("mlflow_one_thread", ONE_THREAD)

    @cached_property
    def _lecture_files(self) -> Path:
        self.say("the lecture's model")
        return rival.lay_down(self.folder)

    def _mlflow(self, name: str, threads: dict[str, str]) -> Server | None:
        if not self.mlflow:
            return None
        files = self._lecture_files
        self.say(f"MLflow's server starts: {name}")
        log = self.folder / f"{name}.log"
        return self.ending.enter_context(rival.serving(files, threads, log))

    def start_once(self, turn: int) -> float:
        """Start the API from its command to the first 200 of /readyz, and end it; in seconds.

        Raises:
            LoadFailed: it was ready without its champion.
        """
        self.say(f"start {turn + 1} of {self.repeats}")
        port = free_port()
        log = self.folder / "start.log"
        with running(gatecast(port), port, "/readyz", self.home.environment, log) as server:
            champions = json.loads(ask(port, "/readyz")[1])["champions"]
        if champions != [self.home.card.model]:
            raise LoadFailed(
                "ready without its champion", expected=self.home.card.model, found=champions
            )
        return server.start_seconds

    def _gatecast(self, home: Home, name: str) -> Server:
        self.say(f"the API starts: {name}")
        port = free_port()
        log = self.folder / f"{name}.log"
        return self.ending.enter_context(
            running(gatecast(port), port, "/readyz", home.environment, log)
        )

    def _constant(self, kind: str, ready: str, environment: dict[str, str]) -> Server:
        self.say(f"a constant starts: {kind}")
        _, forecast = ask(self.ours.port, FORECAST)
        content = self.folder / "constant.json"
        content.write_bytes(b'"' + b"x" * (len(forecast) - 2) + b'"')
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.serving.constant", kind, str(port)]
        return self.ending.enter_context(
            running([*command, str(content)], port, ready, environment, self.folder / f"{kind}.log")
        )

    def by_turns(
        self, sides: dict[str, Side], connections: tuple[int, ...] = CONNECTIONS
    ) -> dict[int, dict[str, list[Measured]]]:
        """Load each side in turn, again and again: results by connections and side.

        Raises:
            LoadFailed: a request was not answered 2xx.
        """
        for side in sides.values():
            self._send(side, HEADLINE, min(WARM_SECONDS, self.seconds))
        found: dict[int, dict[str, list[Measured]]] = {}
        for count in connections:
            found[count] = {name: [] for name in sides}
            for turn in range(self.repeats):
                for name, side in sides.items():
                    self.say(f"{name}, {count} connections, turn {turn + 1} of {self.repeats}")
                    found[count][name].append(self._send(side, count, self.seconds))
        return found

    def _send(self, side: Side, connections: int, seconds: float) -> Measured:
        load = side.load(connections, seconds)
        return sound(self.generator.run(load), load)


def ratio(turns: dict[str, list[Measured]], ours: str, theirs: str) -> float | None:
    """Return the median, over the turns, of our requests a second in units of theirs."""
    if ours not in turns or theirs not in turns:
        return None
    pairs = zip(turns[ours], turns[theirs], strict=True)
    return statistics.median(our.per_second / their.per_second for our, their in pairs)


def median_p99(turns: list[Measured]) -> float:
    """Return the median of the turns' p99, in milliseconds."""
    return statistics.median(each.p99_ms for each in turns)


def summed(found: dict[int, dict[str, list[Measured]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the medians of each side at each number of connections, for the report."""
    return {
        str(count): {name: _medians(turns) for name, turns in sides.items()}
        for count, sides in found.items()
    }


def _medians(turns: list[Measured]) -> dict[str, float]:
    return {
        name: round(statistics.median(getattr(each, name) for each in turns), 3)
        for name in ("per_second", "p50_ms", "p99_ms")
    }
