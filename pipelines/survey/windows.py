"""Keep each station's drawn windows until the training has read them, one station at a time."""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from forecasting.climate.drawing import Drawn, Part
from forecasting.stores.files import safe_name, write_bytes

#: The arrays of windows, and the two uses that they have.
ARRAYS = ("features", "ahead", "start", "spread", "target")
USES = ("train", "stop")


def windows_folder(folder: Path) -> Path:
    """Return where a survey's windows lie between drawing and training."""
    return folder / "windows"


def write_parts(folder: Path, station: str, parts: Mapping[int, Part]) -> Path:
    """Write what a station brings to each member, by the member's seed; returns the file."""
    arrays = {}
    for seed, part in parts.items():
        arrays[f"{seed}.numbers"] = np.array(part.numbers)
        for use in USES:
            drawn = part.train if use == "train" else part.stop
            arrays |= {f"{seed}.{use}.{name}": getattr(drawn, name) for name in ARRAYS}
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    path = windows_folder(folder) / f"{safe_name(station)}.npz"
    write_bytes(path, content.getvalue())
    return path


def read_parts(folder: Path, seed: int) -> Iterator[tuple[str, Part]]:
    """Yield what every station brings to one member, in the order of their names."""
    for path in sorted(windows_folder(folder).glob("*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            if f"{seed}.numbers" in kept:
                uses = {
                    use: Drawn(**{name: kept[f"{seed}.{use}.{name}"] for name in ARRAYS})
                    for use in USES
                }
                numbers = tuple(kept[f"{seed}.numbers"].tolist())
                yield path.stem, Part(numbers=numbers, **uses)


def digest_of(*drawn: Drawn) -> str:
    """Return a digest of windows: a training is resumed on the same ones only."""
    digest = hashlib.sha256()
    for each in drawn:
        for name in ARRAYS:
            digest.update(getattr(each, name).tobytes())
    return digest.hexdigest()[:16]
