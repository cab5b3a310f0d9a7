"""Lay the lecture's torch LSTM down as MLflow's own flavour does, and serve it with MLflow."""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.serving.servers import Server, free_port, running
from forecasting.climate.lecture import HISTORY, LectureModel, layer_table
from forecasting.recurrent import trainable

#: As safe as ours: a model that needs pickle would not be loaded. It sends nothing anywhere.
ENVIRONMENT: Final = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}

PATH = "/invocations"


def lay_down(folder: Path) -> Path:
    """Save the model, untrained (time does not depend on the weights), without pickle."""
    os.environ.update(ENVIRONMENT)
    # The product keeps this flavour out; here it is what is measured.
    import mlflow.pytorch  # noqa: PLC0415, TID251 - slow, and only for the rival
    from mlflow.models import ModelSignature  # noqa: PLC0415 - as above
    from mlflow.types import Schema, TensorSpec  # noqa: PLC0415 - as above

    torch.manual_seed(0)
    number = np.dtype("float32")
    path = folder / "lecture"
    signature = ModelSignature(
        inputs=Schema([TensorSpec(number, (-1, HISTORY, 1))]),
        outputs=Schema([TensorSpec(number, (-1, 1))]),
    )
    with warnings.catch_warnings():
        # torch's export tells that an LSTM keeps its weights twice.
        warnings.filterwarnings("ignore", "The tensor attributes .* were assigned during export")
        mlflow.pytorch.save_model(  # noqa: TID251 - as above
            LectureModel().eval(),
            str(path),
            signature=signature,
            input_example=np.zeros((2, HISTORY, 1), number),
            serialization_format="pt2",
            pip_requirements=["torch"],
        )
    return path


def described() -> dict[str, Any]:
    """Say what MLflow serves."""
    model = LectureModel()
    return {
        "server": "mlflow models serve --env-manager local --workers 1, torch flavour as pt2, "
        "pickle not allowed; torch takes the threads that it takes by itself, and one thread in "
        "mlflow_one_thread",
        "members": 1,
        "layers": [name for name, _, _ in layer_table(model)],
        "parameters": trainable(model),
        "answers": "the next day's value, no interval",
    }


@contextmanager
def serving(model: Path, threads: Mapping[str, str], log: Path) -> Iterator[Server]:
    """Serve a model with MLflow's command line until the block ends.

    Args:
        model: the folder of `lay_down`.
        threads: what torch is told about threads; `ONE_THREAD`, or nothing.
        log: takes what it says.
    """
    port = free_port()
    # It starts uvicorn by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**ENVIRONMENT, **threads, "PATH": path}
    environment["MLFLOW_TRACKING_URI"] = f"sqlite:///{model.parent / 'mlflow.db'}"
    command = [sys.executable, "-W", "ignore", "-m", "mlflow", "models", "serve"]
    command += ["--model-uri", str(model), "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with running(command, port, "/ping", environment, log) as server:
        yield server
