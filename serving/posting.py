"""Answer a history that a client posts, before the router where nobody follows its way."""

from typing import Final

from starlette.types import Receive, Scope

from serving.asking import read_forecast_body
from serving.bodies import parse_json
from serving.desk import Bench, Desk
from serving.forecasts import Posted, Prepared, answer, run
from serving.gathering import Gathering, InTurn
from serving.kept import Answers, encoded
from serving.reading import BodyLimits, read_at_most
from serving.settings import ServingSettings
from serving.shortcuts import ROUTE, Answered
from serving.trying import MOST_OF_A_QUICK_ONE, MOST_TOGETHER

#: A body up to this size is read at once: sending it to a thread and back costs as much.
SMALL_BYTES: Final = 2**16


class Posts:
    """Forecasts after posted histories.

    The way through the router, its exits and its dependencies costs more than all else that the
    event loop does for a forecast, and leads to the same two lines. With traces switched on it is
    gone all the same: its spans are made there.

    Args:
        answers: what looks up and checks.
        bench: where graphs run.
        desk: where forecasts are admitted.
        settings: how much of a body is read, and whether there are traces.
    """

    def __init__(
        self, answers: Answers, bench: Bench, desk: Desk, settings: ServingSettings
    ) -> None:
        self._answers = answers
        self._bench = bench
        self._gathering = Gathering(bench, run, self._most)
        self._in_turn = InTurn(run, MOST_OF_A_QUICK_ONE)
        self._desk = desk
        self._limits = BodyLimits.of(settings)
        self._traced = settings.telemetry

    def _most(self) -> int:
        """Return how many histories a graph takes at once: one while others are turned away.

        Two would be answered sooner, and leave the event loop no time for health checks.
        """
        return 1 if self._desk.full else MOST_TOGETHER

    def takes(self, scope: Scope) -> bool:
        """Return whether a request is one for `answer`."""
        return scope["path"] == ROUTE and scope["method"] == "POST" and not self._traced

    async def answer(self, scope: Scope, receive: Receive) -> Answered:
        """Return the whole answer to a request.

        Raises:
            Overloaded: as many forecasts are in work as may be.
            GatecastError: as `read_at_most` and `forecast`.
        """
        # Not `taken`: what it is made of costs as much again as the count.
        self._desk.enter()
        try:
            body = await read_at_most(scope, receive, self._limits)
            content, media_type = await self.forecast(body)
        finally:
            self._desk.leave()
        headers = [
            (b"content-length", str(len(content)).encode()),
            (b"content-type", media_type.encode()),
        ]
        return 200, headers, content

    async def forecast(self, body: bytes) -> tuple[bytes, str]:
        """Return the forecast after the history in a body, and its media type.

        Raises:
            BodyUnreadable, RequestRefused: the body cannot be read, or is not valid.
            GatecastError: as `prepare` and `answer` in `serving.forecasts`.
        """

        def read() -> Prepared:
            asked = read_forecast_body(parse_json(body))
            history = Posted(asked.history.time, asked.history.columns)
            return self._answers.prepare_posted(asked.wish(), history)

        prepared = read() if len(body) <= SMALL_BYTES else await self._bench.do(read)
        way = self._in_turn if prepared.quick else self._gathering
        said = await way.ask(prepared)
        return encoded([answer(prepared, said)], prepared.wish)
