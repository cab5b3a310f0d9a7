import pytest
import torch

from benchmarks import training
from benchmarks.epochs import PlainTorch, Race, gatecast_epochs, ratios
from forecasting.climate.lecture import LectureModel, prepare
from forecasting.recurrent import trainable
from tests.benchmarks.conftest import make_station


@pytest.fixture(scope="module")
def data():
    return prepare(make_station(130))


def test_gatecast_and_plain_torch_train_the_same_layers_on_the_same_windows(data):
    plain = PlainTorch(data)
    # PyTorch gives an LSTM two biases where Keras, and the lecture's model, have one.
    second_bias = 4 * (50 + 64)
    assert trainable(plain) == trainable(LectureModel()) + second_bias
    assert len(plain.inputs) == len(data.train_inputs)
    assert all(second > 0 for second in [*plain.run(2), *gatecast_epochs(data, 2)])


def test_plain_torch_learns(data):
    def error():
        with torch.no_grad():
            return float((plain(plain.inputs) - plain.targets).square().mean())

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        plain = PlainTorch(data)
        before = error()
        plain.run(8)
    assert error() < before


def test_racers_train_by_turns(data):
    order = []

    def racer(name, second):
        return lambda epochs: order.append(name) or [second] * epochs

    race = Race(data=data, epochs=2, repeats=3)
    seconds = race.by_turns({"gatecast": racer("gatecast", 1.0), "keras": racer("keras", 4.0)})
    assert order == ["gatecast", "keras"] * 3
    assert seconds == {"gatecast": [1.0] * 6, "keras": [4.0] * 6}


def test_the_ratio_is_of_the_medians():
    seconds = {"gatecast": [1.0, 9.0, 1.0], "torch": [2.0, 2.0, 0.1], "keras": [4.0, 4.0, 4.0]}
    found = ratios(seconds)
    assert found["epoch_ratio_to_torch"] == 0.5
    assert found["epoch_ratio_to_keras"] == 0.25
    assert found["epoch_seconds"]["gatecast"] == 1.0


def test_training_is_refused_without_the_rivals_environment(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.outside.ROOT", tmp_path)
    assert training.main([]) == 1
    assert "run `make rivals`" in capsys.readouterr().err


def test_a_wrong_call_ends_with_2(capsys):
    with pytest.raises(SystemExit) as ended:
        training.main(["--epochs", "0"])
    assert ended.value.code == 2
    assert "expected 1 or more, found 0" in capsys.readouterr().err


def test_a_retraining_that_is_refused_is_no_measurement(tmp_path):
    missing = str(tmp_path / "none.toml")
    with pytest.raises(training.RetrainingFailed, match="DATASET_UNKNOWN"):
        training.retrain_seconds(missing, [])
