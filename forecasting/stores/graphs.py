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


def open_graph(path: Path) -> "onnxruntime.InferenceSession":
    """Open a graph whose bytes have been verified, on one thread of the CPU."""
    silence_runtime()
    import onnxruntime  # noqa: PLC0415 - only once it is silenced

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
