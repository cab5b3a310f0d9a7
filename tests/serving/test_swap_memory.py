"""Many quick swaps leave no session of an old version behind in the process."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

pytestmark = pytest.mark.system

#: Publishes three versions of two megabytes of weights in turn; prints the MiB it holds on the way.
SWAPPING = """
import resource, shutil, sys
from pathlib import Path
from forecasting.stores.published import publish
from serving.champions import Champions

home, files = Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]]
champions = Champions(home)
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 2**20
for version in range(1, 81):
    pointer = publish(home, files[version % 3], version=version, alias="champion", run_id="run")
    champions.refresh()
    assert champions.of(pointer.model).pointer.version == version
    for folder in (home / "published" / pointer.model).glob("[0-9]*-*"):
        if folder.name != pointer.folder:
            shutil.rmtree(folder)
    if version in (20, 80):
        print(resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_sixty_more_swaps_keep_no_session_of_sixty_old_versions(
    home, version_files, graph_of, model_card
):
    files = [
        version_files(f"v{each}", graph=heavy(graph_of, model_card, each)) for each in range(3)
    ]
    done = subprocess.run(
        [sys.executable, "-c", SWAPPING, str(home), *map(str, files)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    early, late = map(int, done.stdout.split())

    # Sixty sessions that stayed would hold at least 120 MiB; the allocator's own tide is a few.
    assert late - early < 40


def heavy(graph_of, card, offset):
    """A graph whose forecast takes a sum over two megabytes of weights, all zero, on its way."""
    model = onnx.load_from_string(graph_of(card, offset=float(offset)))
    last = next(node for node in model.graph.node if "quantiles" in node.output)
    last.output[0] = "plain"
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.zeros((1, 2**19), np.float32), "weights"),
            numpy_helper.from_array(np.array([2], np.int64), "widest"),
        ]
    )
    model.graph.node.extend(
        [
            helper.make_node("MatMul", ["last", "weights"], ["wide"]),
            helper.make_node("ReduceSum", ["wide", "widest"], ["sum"], keepdims=1),
            helper.make_node("Add", ["plain", "sum"], ["quantiles"]),
        ]
    )
    return model.SerializeToString()
