"""Name what the API refuses, and where in the request the fault lies."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Final

from forecasting.errors import GatecastError

#: Most faults one answer lists: a client mends the first ones and asks again.
FAULTS_SHOWN: Final = 10


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault of a request: where it is and what would be accepted, never what was sent."""

    path: str
    message: str


class RequestRefused(GatecastError):
    """The request is understood and cannot be answered as it stands.

    Args:
        message: one sentence.
        faults: where the request is wrong; the first ten are kept.
    """

    code: ClassVar[str] = "REQUEST_INVALID"

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(islice(faults, FAULTS_SHOWN))


class BodyUnreadable(RequestRefused):
    """The body is not the strict JSON that this service reads."""

    code = "JSON_INVALID"


class BodyTooLarge(GatecastError):
    """The body has more bytes than this service reads."""

    code = "BODY_TOO_LARGE"


class BodyTooSlow(GatecastError):
    """The body had not arrived when its time was over."""

    code = "REQUEST_TIMEOUT"


class HistoryTooShort(RequestRefused):
    """The posted history has fewer steps than the model reads."""

    code = "HISTORY_TOO_SHORT"


class ValueOutOfBounds(RequestRefused):
    """A posted value lies outside the station's admitted range."""

    code = "VALUE_OUT_OF_BOUNDS"


class NoUsableHistory(RequestRefused):
    """The steps that the model would read hold no value of the target."""

    code = "NO_USABLE_HISTORY"


class StationUnobserved(GatecastError):
    """The station's own last days are not enough for its model."""

    code = "NO_USABLE_HISTORY"


class StationTooShort(StationUnobserved):
    """Fewer of the station's days hold the target than its model reads."""

    code = "HISTORY_TOO_SHORT"


class StationOutgrown(StationUnobserved):
    """The station's card no longer has what its model reads."""

    code = "STATION_CHANGED"


class DataTooOld(GatecastError):
    """The station's last observation is older than its dataset allows."""

    code = "DATA_TOO_OLD"


class NoClimatology(GatecastError):
    """A climatology was asked for in a forecast's place, and none is kept."""

    code = "NO_CLIMATOLOGY"
