"""Open a published graph with ONNX Runtime, on one thread, and let it report nothing home."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

#: From 1.29 on ONNX Runtime writes a device id under ~/.cache and reports to its maker as soon
#: as it is imported, unless this is set before.
SILENCE = {"ORT_DISABLE_TELEMETRY": "1"}


def silence_runtime() -> None:
    """Switch ONNX Runtime's reports off; must run before it is imported."""
    os.environ.update(SILENCE)


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return what ONNX Runtime raises for a graph or a feed: its errors share no base."""
    silence_runtime()
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415 - silenced

    return (
        state.EPFail,
        state.EngineError,
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NoModel,
        state.NoSuchFile,
        state.NotImplemented,
        state.RuntimeException,
        RuntimeError,
        ValueError,
    )


def open_graph(path: Path) -> "onnxruntime.InferenceSession":
    """Open a graph whose bytes have been verified, on one thread of the CPU.

    From bytes: a graph that points to files beside it does not load.
    """
    silence_runtime()
    import onnxruntime  # noqa: PLC0415 - only once it is silenced

    options = onnxruntime.SessionOptions()
    # Requests run side by side; a second thread inside one of them only costs.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # What goes wrong is raised; its own log would go to stderr as well.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
