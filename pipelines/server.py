"""Meet a Prefect server: one that is away has one code, and one of ours ends with its starter.

`python -m pipelines.server PID WORD …` serves as `prefect server start` does.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from forecasting.errors import GatecastError
from forecasting.settings import without_password
from pipelines.fitting import end_with_parent

#: What Prefect says of a server that does not answer, where it does not leave that to its client.
UNREACHED = ("Failed to reach API", "connect to ephemeral Prefect API server")


class SchedulerUnavailable(GatecastError):
    """No Prefect server answers, and none could be started."""

    code = "SCHEDULER_UNAVAILABLE"


@contextmanager
def scheduler_errors() -> Iterator[None]:
    """Turn what Prefect's client raises of a server that is away into one code.

    Raises:
        SchedulerUnavailable: it does not answer, or answers that it cannot.
    """
    import httpx  # noqa: PLC0415 - only where Prefect, whose client it is, is about to be asked

    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        response = getattr(error, "response", None)
        found = type(error).__name__ if response is None else f"status {response.status_code}"
        raise _away(found) from error
    except RuntimeError as error:
        if not any(words in str(error) for words in UNREACHED):
            raise
        raise _away(type(error.__cause__ or error).__name__) from error


def _away(found: str) -> SchedulerUnavailable:
    named = os.environ.get("PREFECT_API_URL", "")
    address = without_password(named) or "the server that Prefect starts for itself"
    return SchedulerUnavailable(
        "the Prefect server cannot be asked", expected=f"an answer from {address}", found=found
    )


def main(arguments: list[str]) -> None:
    """Do as `prefect server start` does, for as long as the process that started this one lives.

    Args:
        arguments: that process's id, then the words for Prefect.
    """
    end_with_parent(int(arguments[0]))
    from prefect.cli import app  # noqa: PLC0415 - takes seconds, in which the parent may end

    sys.argv = ["prefect", "server", "start", *arguments[1:]]
    app()


if __name__ == "__main__":
    main(sys.argv[1:])
