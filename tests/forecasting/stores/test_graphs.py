import os
import subprocess
import sys

from forecasting.stores.graphs import SILENCE, open_graph

OPEN = """
import sys
from pathlib import Path
from forecasting.climate.export import GraphForecaster
assert "onnxruntime" not in sys.modules
GraphForecaster(Path(sys.argv[1]))
assert "onnxruntime" in sys.modules
"""


def test_a_graph_runs_on_one_thread(exported):
    options = open_graph(exported / "model.onnx").get_session_options()

    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (1, 1)


def test_a_graph_is_run_without_a_word_to_anybody(exported, tmp_path):
    loud = {name: value for name, value in os.environ.items() if name not in SILENCE}

    done = subprocess.run(
        [sys.executable, "-B", "-c", OPEN, exported / "model.onnx"],
        env={**loud, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / ".cache")},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    # The device id by which ONNX Runtime would report lies under the home's cache.
    assert list(tmp_path.rglob("*")) == []
