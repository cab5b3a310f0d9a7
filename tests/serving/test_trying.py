"""A graph is run on several histories at once only where that changes no bit."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from forecasting.stores.graphs import open_graph
from serving.trying import MOST_OF_A_QUICK_ONE, MOST_TOGETHER, QUICK, Pace, pace_of


@pytest.fixture
def session_of(tmp_path):
    """Opens a graph's bytes."""

    def make(graph):
        path = tmp_path / "model.onnx"
        path.write_bytes(graph)
        return open_graph(path)

    return make


def leaning_on_its_neighbours(graph, share):
    """The same graph, to whose output a share of the sum over all rows is added."""
    model = onnx.load_from_string(graph)
    last = model.graph.node[-1]
    last.output[0] = "before"
    axis = numpy_helper.from_array(np.array([0], np.int64), "rows")
    factor = numpy_helper.from_array(np.array(share, np.float32), "share")
    model.graph.initializer.extend([axis, factor])
    model.graph.node.extend(
        [
            helper.make_node("ReduceSum", ["before", "rows"], ["sum"], keepdims=1),
            helper.make_node("Mul", ["sum", "share"], ["lean"]),
            helper.make_node("Add", ["before", "lean"], ["quantiles"]),
        ]
    )
    return model.SerializeToString()


def test_rows_that_are_computed_alike_may_be_run_together_and_more_of_them_where_a_run_is_quick(
    session_of, graph_of, model_card
):
    session = session_of(graph_of(model_card))
    few = replace(model_card, parameters=QUICK // model_card.history)
    many = replace(few, parameters=few.parameters + 1)

    assert pace_of(session, few) == Pace(together=MOST_OF_A_QUICK_ONE, quick=True)
    assert pace_of(session, many) == Pace(together=MOST_TOGETHER, quick=False)


def test_one_bit_of_difference_and_histories_are_run_one_by_one(session_of, graph_of, model_card):
    graph = leaning_on_its_neighbours(graph_of(model_card), 1e-6)

    assert pace_of(session_of(graph), model_card).together == 1


def test_a_graph_that_cannot_be_run_so_is_run_one_by_one(session_of, graph_of, model_card):
    model = onnx.load_from_string(graph_of(model_card))
    # As a graph whose batch axis was frozen by its export.
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 1, 1], np.int64), "frozen"))
    for node in model.graph.node:
        node.input[:] = ["frozen" if name == "cube" else name for name in node.input]

    assert pace_of(session_of(model.SerializeToString()), model_card).together == 1
