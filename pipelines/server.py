"""Run a Prefect server that ends with whoever started it: `python -m pipelines.server PID WORD …`."""

import sys

from pipelines.fitting import end_with_parent


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
