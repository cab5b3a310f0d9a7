import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from benchmarks.windows import LIMIT, SPEC, cut_all, make_series, read_batches

ROWS = 200_000


@pytest.fixture(scope="module")
def series():
    return make_series(ROWS)


def test_windows_and_masks_are_views_over_the_series(series):
    windows = cut_all(series)
    assert len(windows) == ROWS - SPEC.span + 1
    assert np.shares_memory(windows.history, series.values)
    assert np.shares_memory(windows.target, series.values)
    assert np.shares_memory(windows.history_observed, series.observed)
    assert np.shares_memory(windows.target_observed, series.observed)


def test_cutting_and_reading_batches_takes_no_second_copy_of_the_series(series):
    held = series.values.nbytes + series.observed.nbytes
    tracemalloc.start()
    known = read_batches(cut_all(series), batches=20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert known == 0
    assert held + peak < LIMIT * held
    assert peak < held / 10


def test_the_benchmark_measures_in_a_fresh_process_and_says_whether_the_limit_holds():
    command = [sys.executable, "-m", "benchmarks.windows", "--json", "--rows", "1000000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert told["series"] == 1_000_000 * 4 * (4 + 1)
    assert told["ratio"] == told["cutting"] / told["series"] < told["limit"] == LIMIT
    # Pages that the process already had may hold the first of it.
    assert told["built"] >= 0.98 * told["series"]
