"""Answer for every station as the API does, in its own code: JSON and CSV; HTTP is left out."""

import json
import sys
from pathlib import Path
from typing import Final

from benchmarks.scale.stations import NAME
from forecasting.stores.files import sha256
from forecasting.stores.published import CARD, MANIFEST, Pointer
from forecasting.stores.stations import read_station
from serving.answers import encode, forecast_answer
from serving.csv_answers import csv_table
from serving.history import recent_history
from serving.runtime import Forecaster

#: Stations whose models are kept at once, to see what an API needs for each.
KEPT: Final = 50


def load(home: Path, station: str) -> Forecaster:
    """Load a station's graph as the API loads a published one: verified, parsed, tried."""
    folder = home / "surveys" / NAME / "models" / station
    pointer = Pointer(
        model=json.loads((folder / CARD).read_bytes())["model"],
        version=1,
        alias="survey",
        run_id="none",
        folder=str(folder),
        manifest_sha256=sha256(folder / MANIFEST),
    )
    return Forecaster.load(folder, pointer)


def answer(home: Path, station: str, forecaster: Forecaster) -> tuple[bytes, bytes]:
    """Return the JSON and the CSV that a client gets for a station's next days."""
    record = read_station(home, station)
    told = forecast_answer(record, forecaster, recent_history(record, forecaster.card))
    return encode(told), csv_table([told])


def answer_all(home: Path, stations: list[str]) -> None:
    """Load, answer and write for one station after the other."""
    folder = home / "answers"
    folder.mkdir(exist_ok=True)
    for station in stations:
        written, table = answer(home, station, load(home, station))
        (folder / f"{station}.json").write_bytes(written)
        (folder / f"{station}.csv").write_bytes(table)


def resident_megabytes() -> float:
    """Return the memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def megabytes_kept(home: Path, stations: list[str]) -> float:
    """Return what an API needs for each model that it keeps loaded, the first one left out."""
    kept = [load(home, stations[0])]
    answer(home, stations[0], kept[0])
    before = resident_megabytes()
    for station in stations[1 : KEPT + 1]:
        kept.append(load(home, station))
        answer(home, station, kept[-1])
    return (resident_megabytes() - before) / max(1, len(kept) - 1)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(megabytes_kept(Path(sys.argv[1]), sys.argv[2:])) + "\n")
