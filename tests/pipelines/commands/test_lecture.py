import json

import pytest

from pipelines import lecture as flow
from pipelines.commands.lecture import run_lecture

REPORT = {
    "as_lectured": False,
    "verdict": "Scaler and training have seen only the rows before the test quarter.",
    "parameters": 42465,
    "layers": [["LSTM 50", "(batch, 60, 50)", 10400], ["dense 1", "(batch, 1)", 17]],
    "train_shapes": [[1036, 60, 1], [1036, 1]],
    "test_shapes": [[366, 60, 1], [366, 1]],
    "metrics": {"mae": 1.2, "rmse": 1.6, "persistence_mae": 1.24, "persistence_rmse": 1.66},
    "model": "climate-delhi-lecture",
    "version": 1,
}


@pytest.fixture
def asked(monkeypatch):
    """Put a flow that only listens in the place of the real one."""
    calls = []

    def listen(**parameters):
        calls.append(parameters)
        return dict(REPORT)

    monkeypatch.setattr(flow, "retrain_lecture", listen)
    return calls


def test_the_report_is_one_object(asked, capsys):
    run_lecture("delhi", ["/a.csv"], seed=None, as_lectured=True, json=True)
    assert asked == [{"dataset": "delhi", "csv": ["/a.csv"], "seed": 1, "as_lectured": True}]
    told = json.loads(capsys.readouterr().out)
    assert told.pop("seconds") >= 0
    assert told == REPORT


def test_people_read_layers_shapes_and_errors_beside_persistence(asked, capsys):
    run_lecture("delhi", [], seed=7, as_lectured=False, json=False)
    out = capsys.readouterr().out
    assert asked[0]["seed"] == 7
    assert "trainable parameters: 42,465" in out
    assert "train: (1036, 60, 1) and (1036, 1)" in out
    assert "test: (366, 60, 1) and (366, 1)" in out
    assert "MAE 1.200, RMSE 1.600; persistence 1.240 and 1.660" in out
    assert REPORT["verdict"] in out
    assert "version: climate-delhi-lecture/1" in out
