"""Name every refusal once: a machine code, one sentence, what was expected and what was found."""

from typing import ClassVar


class GatecastError(Exception):
    """A refusal that a person or a program can act on.

    Args:
        message: one sentence, without the code.
        expected: what would have been accepted, if that can be said.
        found: what came instead, if that can be said.
    """

    code: ClassVar[str] = "GATECAST_ERROR"

    def __init__(
        self, message: str, *, expected: object | None = None, found: object | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        parts = [self.message]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.found is not None:
            parts.append(f"found {self.found}")
        return "; ".join(parts)

    def to_json(self) -> dict[str, object]:
        """Return the error as the command line and the run record print it."""
        return {
            "code": self.code,
            "message": self.message,
            "expected": None if self.expected is None else str(self.expected),
            "found": None if self.found is None else str(self.found),
        }


class SettingsInvalid(GatecastError):
    """A setting from a flag, the environment or the file cannot be used."""

    code = "SETTINGS_INVALID"


class DatasetInvalid(GatecastError):
    """A dataset's declaration contradicts itself or holds unknown keys."""

    code = "DATASET_INVALID"


class DatasetUnknown(GatecastError):
    """No dataset of that name is shipped and no such file exists."""

    code = "DATASET_UNKNOWN"


class CorpusInvalid(GatecastError):
    """A corpus' declaration contradicts itself, holds unknown keys, or misses its text."""

    code = "CORPUS_INVALID"


class CorpusUnknown(GatecastError):
    """No corpus of that name is shipped and no such file exists."""

    code = "CORPUS_UNKNOWN"


class CorpusTooShort(GatecastError):
    """Too few characters for the three parts and their streams."""

    code = "CORPUS_TOO_SHORT"


class SourceUnavailable(GatecastError):
    """The source is down, hangs, or broke off; retrying later may help."""

    code = "SOURCE_UNAVAILABLE"


class SourceFormat(GatecastError):
    """The source answered with something that is not the declared data."""

    code = "SOURCE_FORMAT"


class SourceTooLarge(SourceFormat):
    """The source is larger, or unpacks to more, than the reader will take."""

    code = "SOURCE_TOO_LARGE"


class SourceForbidden(GatecastError):
    """The address is not one that this program may ask."""

    code = "SOURCE_FORBIDDEN"


class AlreadyRunning(GatecastError):
    """The same work is being done by another process."""

    code = "ALREADY_RUNNING"


class DataRefused(GatecastError):
    """The data checks refused the batch; the report says why."""

    code = "DATA_REFUSED"


class DataUnchecked(GatecastError):
    """The data carries no accepting verdict for its SHA-256."""

    code = "DATA_UNCHECKED"


class SeriesInvalid(GatecastError):
    """A climate series whose parts do not belong together."""

    code = "SERIES_INVALID"


class SeriesTooShort(GatecastError):
    """Too few steps for the history, the horizon and the blocks."""

    code = "SERIES_TOO_SHORT"


class WindowError(GatecastError):
    """A window specification that cannot be cut."""

    code = "WINDOW_INVALID"


class ModelInvalid(GatecastError):
    """A model was asked for, or fed, in a shape that it cannot have."""

    code = "MODEL_INVALID"


class Diverged(GatecastError):
    """Training met a loss that is not finite before any epoch was whole."""

    code = "DIVERGED"


class CheckpointCorrupt(GatecastError):
    """A checkpoint whose bytes do not match their digest."""

    code = "CHECKPOINT_CORRUPT"


class TrackingUnavailable(GatecastError):
    """The tracking store did not answer within the bounded retries."""

    code = "TRACKING_UNAVAILABLE"


class NoChampion(GatecastError):
    """The station has no promoted model yet."""

    code = "NO_CHAMPION"


class StationUnknown(GatecastError):
    """No card of that station has been written."""

    code = "STATION_UNKNOWN"


class VersionUnknown(GatecastError):
    """The registry has no such model, version or alias."""

    code = "VERSION_UNKNOWN"


class ManifestMismatch(GatecastError):
    """A file of a version is missing, extra, or not the bytes the manifest names."""

    code = "MANIFEST_MISMATCH"


class PickleEnabled(GatecastError):
    """Somebody switched pickle loading on; the program does not start so."""

    code = "PICKLE_ENABLED"


class ModelOutputInvalid(GatecastError):
    """The champion's forecast is not finite or not in order."""

    code = "MODEL_OUTPUT_INVALID"


class PromotionRefused(GatecastError):
    """The gate did not let the candidate through."""

    code = "PROMOTION_REFUSED"


class StorageFailed(GatecastError, OSError):
    """The disk refused: it is full, read-only or failing. An OSError still, for who expects one."""

    code = "STORAGE_FAILED"
