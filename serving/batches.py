"""Run the histories that wait for one forecaster at once: a graph's cost is mostly its nodes'."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import ModelOutputInvalid
from serving.desk import Bench
from serving.history import History
from serving.runtime import Forecaster

#: Most histories of one run. Beyond it a run takes longer, and no history less.
MOST: Final = 16

Quantiles = NDArray[np.float64]


@dataclass(frozen=True)
class _Waiting:
    """A history, and who waits for its forecast."""

    history: History
    answer: "asyncio.Future[Quantiles]"


class Batches:
    """Gathers histories without waiting for them: what came during one run is the next one's.

    Used from the event loop alone. `Forecaster.many` gives each history the same bits in any
    company, so that nobody's answer depends on who asked beside him.

    Args:
        bench: where the graphs run.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._waiting: dict[int, list[_Waiting]] = {}
        self._running: set[asyncio.Task[None]] = set()

    async def quantiles(self, forecaster: Forecaster, history: History) -> Quantiles:
        """Forecast one history: (horizon, levels) in the target's unit.

        Raises:
            ModelOutputInvalid: as `Forecaster.quantiles`, for this history.
            WorkTimeout: it was not done in time.
        """
        answer: asyncio.Future[Quantiles] = asyncio.get_running_loop().create_future()
        line = self._waiting.get(id(forecaster))
        if line is not None:
            line.append(_Waiting(history, answer))
            return await answer
        self._waiting[id(forecaster)] = [_Waiting(history, answer)]
        task = asyncio.create_task(self._serve(forecaster))
        # The loop itself keeps no strong reference to a task.
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await answer

    async def _serve(self, forecaster: Forecaster) -> None:
        """Run until nobody waits for the forecaster any more."""
        line = self._waiting[id(forecaster)]
        try:
            while line:
                batch, line[:] = line[:MOST], line[MOST:]
                await self._run(forecaster, batch)
        finally:
            # The last look and this are one step of the loop: nobody can join in between.
            del self._waiting[id(forecaster)]
            for left in line:
                left.answer.cancel()

    async def _run(self, forecaster: Forecaster, batch: Sequence[_Waiting]) -> None:
        histories = [each.history for each in batch]
        try:
            answers = await self._bench.do(lambda: forecaster.many(histories))
        except ModelOutputInvalid as error:
            if len(batch) > 1:
                # One bad history must not cost the others their forecasts.
                for each in batch:
                    await self._run(forecaster, [each])
                return
            _refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _refuse(batch, error)
        else:
            for each, quantiles in zip(batch, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(quantiles)


def _refuse(batch: Sequence[_Waiting], error: Exception) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(error)
