"""Ask a version's verified files what every promotion asks them, whoever promotes."""

from pathlib import Path

import numpy as np

from forecasting.climate.export import GraphForecaster
from forecasting.errors import ModelOutputInvalid, PromotionRefused
from forecasting.stores.published import GRAPH, ModelCard, read_card
from forecasting.stores.stations import climate_model


def require_own_model(card: ModelCard, model: str) -> None:
    """Refuse a version of a model that is none of a station's own, as the lecture's.

    Raises:
        PromotionRefused: it is never promoted.
    """
    if card.model not in (climate_model(card.station), climate_model(card.station, card.target)):
        raise PromotionRefused(
            f"{model} is never promoted", expected="a station's own model", found=card.model
        )


def smoke_test(files: Path) -> None:
    """Ask a version's verified graph for forecasts before it may be champion.

    Raises:
        ModelOutputInvalid: not finite, not in order, not repeatable, or dependent on its batch.
    """
    card = read_card(files)
    forecaster = GraphForecaster(files / GRAPH)
    rng = np.random.default_rng(0)
    shape = (7, card.history, len(card.variables))
    history = rng.normal(15.0, 3.0, shape).astype(np.float32)
    origin = np.arange(7, dtype=np.int64) * card.step_seconds
    together = forecaster(history, origin)
    alone = np.concatenate([forecaster(history[[i]], origin[[i]]) for i in range(7)])
    sound = (
        together.shape == (7, card.horizon, len(card.levels))
        and bool(np.isfinite(together).all())
        and bool((np.diff(together, axis=-1) >= 0).all())
        and together.tobytes() == forecaster(history, origin).tobytes()
        and float(np.abs(together - alone).max()) <= 1e-4
    )
    if not sound:
        raise ModelOutputInvalid(
            f"the graph of {card.model} failed its smoke test",
            expected="finite, ordered, repeatable forecasts, the same alone and in a batch",
        )
