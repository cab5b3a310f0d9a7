import json
import subprocess
import sys


def test_the_benchmark_prints_every_size_as_json():
    command = [sys.executable, "-m", "benchmarks.significance", "--samples", "200"]
    done = subprocess.run(
        [*command, "--resampled", "20"], capture_output=True, text=True, timeout=60, check=False
    )
    told = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert set(told["origins"]) == {"180", "213", "360"}
    for sizes in told["origins"].values():
        assert set(sizes["diebold_mariano"]) == {"1", "3", "7"}
        assert 0 <= sizes["average_superiority"] <= 1
        assert 0.01 < sizes["coverage_deviation"]["95"] < sizes["coverage_deviation"]["80"] < 0.1
