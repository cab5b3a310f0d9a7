"""Run a champion as the Open Inference Protocol asks: histories and origins in, quantiles out."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from forecasting.errors import VersionUnknown
from forecasting.stores.published import ModelCard
from serving.answers import encode
from serving.history import YEARS, History, check_bounds, seconds_of_label
from serving.live import Live
from serving.refusals import Fault, NoUsableHistory
from serving.runtime import Forecaster
from serving.tensors import Infer, OutputBody, read_infer, refused

#: Most histories of one request.
MOST_BATCH: Final = 64

SERVER: Final = {"name": "gatecast", "version": "1", "extensions": ["binary_tensor_data"]}

OUTPUT: Final = "quantiles"


def live_version(live: Live, model: str, version: str | None) -> Forecaster:
    """Return a live model, which must be of that version where one is named.

    Raises:
        NoChampion: no such model is live.
        VersionUnknown: another version of it is.
    """
    forecaster = live.model(model)
    number = str(forecaster.pointer.version)
    if version not in {None, number}:
        raise VersionUnknown("only the champion is served", expected=number)
    return forecaster


def metadata(forecaster: Forecaster) -> dict[str, Any]:
    """Return what the protocol says of a model."""
    card = forecaster.card
    return {
        "name": card.model,
        "versions": [str(forecaster.pointer.version)],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "history", "datatype": "FP32", "shape": [-1, *_history_shape(card)]},
            {"name": "origin", "datatype": "INT64", "shape": [-1]},
        ],
        "outputs": [
            {"name": OUTPUT, "datatype": "FP32", "shape": [-1, card.horizon, len(card.levels)]}
        ],
    }


def infer(
    live: Live, forecaster: Forecaster, body: bytes, header_length: str | None
) -> tuple[bytes, int | None]:
    """Answer one request; returns the body and, where bytes follow it, the length of its JSON.

    Raises:
        BodyUnreadable, RequestRefused: the request, or its tensors, are not the protocol's.
        ValueOutOfBounds, NoUsableHistory: as of a posted history.
        StationUnknown: the model's station is gone.
        ModelOutputInvalid: the forecast is not finite or not in order.
    """
    asked = read_infer(body, header_length)
    histories = _checked(live, forecaster, asked)
    binary = _wants_bytes(asked)
    quantiles = forecaster.many(histories).astype("<f4")
    output: dict[str, Any] = {
        "name": OUTPUT,
        "datatype": "FP32",
        "shape": list(quantiles.shape),
        "parameters": {"binary_data_size": quantiles.nbytes} if binary else {},
    }
    if not binary:
        output["data"] = quantiles.ravel().tolist()
    answer = encode(
        {
            "model_name": forecaster.card.model,
            "model_version": str(forecaster.pointer.version),
            **({"id": asked.body.id} if asked.body.id else {}),
            "outputs": [output],
        }
    )
    return (answer + quantiles.tobytes(), len(answer)) if binary else (answer, None)


def _checked(live: Live, forecaster: Forecaster, asked: Infer) -> list[History]:
    """Return the histories with their origins, after checking all of them."""
    card = forecaster.card
    if asked.tensors.keys() != {"history", "origin"}:
        raise refused("$.inputs", "the tensors history and origin, and no others")
    history, origin = asked.tensors["history"], asked.tensors["origin"]
    rows = len(history)
    if history.dtype != np.float32 or history.shape[1:] != _history_shape(card):
        raise refused(
            "$.inputs.history", f"FP32 of shape [batch, {card.history}, {len(card.variables)}]"
        )
    if rows > MOST_BATCH:
        raise refused("$.inputs.history", f"at most {MOST_BATCH} histories at a time")
    if origin.dtype != np.int64 or origin.shape != (rows,):
        raise refused("$.inputs.origin", f"INT64 of shape [{rows}], one a history")
    _check_origins(origin, card)
    check_bounds(history.reshape(-1, len(card.variables)), live.record(card.station), card)
    observed = np.isfinite(history[:, :, card.variables.index(card.target)]).any(axis=1)
    if not observed.all():
        message = f"history {int(np.argmin(observed))} holds no value of the target"
        raise NoUsableHistory(message, [Fault(path="$.inputs.history", message=message)])
    values = history.astype(np.float32)
    return [History(each, int(at)) for each, at in zip(values, origin, strict=True)]


def _check_origins(origin: NDArray[np.int64], card: ModelCard) -> None:
    first, last = (seconds_of_label(f"{year}-01-01") for year in (YEARS.start, YEARS.stop))
    if ((origin < first) | (origin >= last)).any() or (origin % card.step_seconds).any():
        raise refused(
            "$.inputs.origin",
            f"seconds since 1970-01-01 on the station's calendar, multiples of {card.step_seconds}",
        )


def _history_shape(card: ModelCard) -> tuple[int, int]:
    return card.history, len(card.variables)


def _wants_bytes(asked: Infer) -> bool:
    """Say whether the answer is asked for as bytes, by its own parameter or by the request's."""
    outputs = asked.body.outputs or [OutputBody(name=OUTPUT)]
    if [output.name for output in outputs] != [OUTPUT]:
        raise refused("$.outputs", f"{OUTPUT}, once")
    parameters = outputs[0].parameters
    if parameters.keys() - {"binary_data"}:
        raise refused("$.outputs[0].parameters", "only binary_data is known")
    return bool(
        parameters.get("binary_data", asked.body.parameters.get("binary_data_output", False))
    )
