import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from forecasting.errors import ModelInvalid, ModelOutputInvalid
from forecasting.language.reading import STRETCH, TextGraph, unhurried
from forecasting.language.sampling import SamplingSpec, sampler
from forecasting.language.selftest import selftest
from forecasting.stores.graphs import open_graph


class Counting:
    """A stand-in for a session: the state counts what was read, and the last symbol is likely."""

    def __init__(self, spoilt=False):
        self.spoilt, self.calls = spoilt, 0

    def run(self, _names, feeds):
        self.calls += 1
        symbols, state = feeds["symbols"], feeds["state"]
        logs = np.log(np.full((*symbols.shape, 3), 0.25, np.float32))
        np.put_along_axis(logs, symbols[..., None], np.log(np.float32(0.5)), axis=2)
        if self.spoilt:
            logs = logs * np.float32(np.nan)
        return logs, state + symbols.shape[1]

    def get_inputs(self):
        return [helper_node("symbols", ["b", "s"]), helper_node("state", ["b", 1])]

    def get_outputs(self):
        return [helper_node("log_probabilities", ["b", "s", 3]), helper_node("after", ["b", 1])]


def helper_node(name, shape):
    return type("Node", (), {"name": name, "shape": shape})()


def test_a_long_text_is_read_in_stretches_with_its_state_carried():
    session = Counting()
    graph = TextGraph(session)
    text = np.zeros(3 * STRETCH, np.int64)
    asked = []

    losses = graph.losses(text, np.array([0, 0]), lambda: asked.append(1))

    assert losses == pytest.approx(np.full(len(text), np.log(2)))
    assert session.calls == len(asked) == 4


def test_no_text_has_no_losses():
    graph = TextGraph(Counting())

    assert graph.losses(np.array([], np.int64), np.array([0]), unhurried).size == 0


def test_a_prompt_is_read_and_written_on_with_the_state_in_the_callers_hand():
    graph = TextGraph(Counting())
    after, state = graph.read(np.full(STRETCH + 5, 2), graph.start(), unhurried)
    assert after.argmax() == 2
    assert state == STRETCH + 5

    written = graph.write(after, state, sampler(SamplingSpec(temperature=0)))

    assert [next(written)[0] for _ in range(3)] == [2, 2, 2]
    assert next(written)[1] == STRETCH + 5 + 3


def test_what_is_no_probability_is_refused():
    graph = TextGraph(Counting(spoilt=True))

    with pytest.raises(ModelOutputInvalid, match="not finite"):
        graph(np.zeros((1, 1), np.int64), graph.start())
    trial = selftest(graph, np.zeros(70, np.int64))
    assert not trial.finite
    assert not trial.passed


def test_a_graph_that_cannot_be_run_is_refused():
    class Failing(Counting):
        def run(self, _names, _feeds):
            raise RuntimeError

    graph = TextGraph(Failing())

    with pytest.raises(ModelOutputInvalid, match="cannot be run"):
        graph(np.zeros((1, 1), np.int64), graph.start())


def test_a_graph_of_something_else_is_refused(tmp_path):
    value = helper.make_tensor_value_info("history", TensorProto.FLOAT, [1])
    other = helper.make_tensor_value_info("quantiles", TensorProto.FLOAT, [1])
    node = helper.make_node("Identity", ["history"], ["quantiles"])
    model = helper.make_model(
        helper.make_graph([node], "other", [value], [other]),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=9,
    )  # fmt: skip
    onnx.save(model, tmp_path / "other.onnx")

    with pytest.raises(ModelInvalid, match="no graph of a language model"):
        TextGraph(open_graph(tmp_path / "other.onnx"))
