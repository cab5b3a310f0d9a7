"""Serve one constant beside the real API, or on bare FastAPI: `… constant behind|bare PORT FILE`.

`behind` is the real app with one more route, run by the real verb with its own options for the
server: all that stands before a forecast stands before the constant. `bare` is what anybody
writes first, on uvicorn with httptools and uvloop, and logs nothing.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Response

from serving.app import serve_app
from serving.commands import serve
from serving.entrance import Entrance

PATH = "/constant"

#: The file whose bytes are answered.
FILE = "GATECAST_BENCHMARK_CONSTANT"


def constant() -> Callable[[], Awaitable[Response]]:
    """Return the route, which answers the bytes of the file that the environment names."""
    content = Path(os.environ[FILE]).read_bytes()

    async def answer() -> Response:
        return Response(content, media_type="application/json")

    return answer


def behind() -> Entrance:
    """Build the real app of a process of its own, and one more route."""
    entrance = serve_app()
    entrance.app.add_api_route(PATH, constant())
    return entrance


def bare() -> FastAPI:
    """Build the least app."""
    app = FastAPI()
    app.add_api_route(PATH, constant())
    return app


def run_behind(port: int) -> None:
    """Run the real verb, which names its app to uvicorn: let it name the app with the route."""
    run = uvicorn.run

    def run_ours(_: str, **options: Any) -> None:  # noqa: ANN401 - whatever the verb says
        run("benchmarks.serving.constant:behind", **options)

    uvicorn.run = run_ours  # type: ignore[assignment]
    serve(host="127.0.0.1", port=port)


def run_bare(port: int) -> None:
    """Run the least app on uvicorn."""
    uvicorn.run(
        "benchmarks.serving.constant:bare",
        factory=True,
        host="127.0.0.1",
        port=port,
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="warning",
    )


def main(arguments: list[str]) -> int:
    """Serve until told to end."""
    kind, port, file = arguments
    os.environ[FILE] = file
    {"behind": run_behind, "bare": run_bare}[kind](int(port))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
