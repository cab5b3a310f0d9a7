"""Lay the lecture's torch LSTM down as MLflow's own flavour does, and serve it with MLflow."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from benchmarks.outside import ONE_THREAD
from benchmarks.serving.servers import Server, free_port, running
from forecasting.climate.lecture import HISTORY, LectureModel, layer_table
from forecasting.recurrent import trainable

#: As safe as ours: a model that needs pickle would not be loaded. One thread, as ours has; with
#: two on two cores torch is slower. It sends nothing anywhere.
ENVIRONMENT: Final = {
    **ONE_THREAD,
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
}

PATH = "/invocations"


def lay_down(folder: Path) -> Path:
    """Save the model, untrained (time does not depend on the weights), without pickle."""
    os.environ.update({name: ENVIRONMENT[name] for name in ENVIRONMENT if name not in ONE_THREAD})

    import mlflow.pytorch  # noqa: PLC0415, TID251 - slow, and only for the rival
    from mlflow.models import ModelSignature  # noqa: PLC0415 - as above
    from mlflow.types import Schema, TensorSpec  # noqa: PLC0415 - as above

    torch.manual_seed(0)
    number = np.dtype("float32")
    path = folder / "lecture"
    mlflow.pytorch.save_model(  # noqa: TID251 - as above
        LectureModel().eval(),
        str(path),
        signature=ModelSignature(
            inputs=Schema([TensorSpec(number, (-1, HISTORY, 1))]),
            outputs=Schema([TensorSpec(number, (-1, 1))]),
        ),
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
        "pickle not allowed, one thread",
        "members": 1,
        "layers": [name for name, _, _ in layer_table(model)],
        "parameters": trainable(model),
        "answers": "the next day's value, no interval",
    }


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve the model with MLflow's command line until the block ends."""
    port = free_port()
    # It starts uvicorn by its name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**ENVIRONMENT, "PATH": path, "MLFLOW_TRACKING_URI": (folder / "runs").as_uri()}
    command = [sys.executable, "-W", "ignore", "-m", "mlflow", "models", "serve"]
    command += ["--model-uri", str(lay_down(folder)), "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with running(command, port, "/ping", environment, folder / "mlflow.log") as server:
        yield server
