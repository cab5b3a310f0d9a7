import numpy as np
import pytest
from safetensors.numpy import save_file

from forecasting.stores.published import GRAPH, WEIGHTS
from pipelines.alikeness import compare_climate
from tests.pipelines import oslo


@pytest.fixture
def put(tmp_path):
    """Write a version's weights and graph into a folder; returns the folder."""

    def write(name, tensors, *, metadata=None, **graph):
        folder = tmp_path / name
        folder.mkdir()
        save_file(tensors, folder / WEIGHTS, metadata)
        (folder / GRAPH).write_bytes(oslo.make_graph(**graph))
        return folder

    return write


def ones(**changes):
    return {"a": np.ones(3, np.float32), "b": np.ones((2, 2), np.float32), **changes}


def alikeness(put, tensors, **graph):
    return compare_climate(put("one", ones()), put("other", tensors, **graph), oslo.make_card())


def test_the_same_tensors_and_answers_are_the_same(put):
    found = alikeness(put, ones())

    assert (found.same, found.same_file, found.outputs, found.tensors) == (True, True, 0.0, 2)


def test_other_metadata_alone_are_the_same_and_said(put):
    found = alikeness(put, ones(), metadata={"made": "later"})

    assert (found.same, found.same_file) == (True, False)
    assert "only the file's own metadata differ" in found.sentence


def test_the_same_tensors_in_a_graph_that_says_otherwise_are_not_the_same(put):
    found = alikeness(put, ones(), wrong_by=0.01)

    assert (found.same, found.differing) == (False, ())
    assert found.outputs == pytest.approx(0.01, abs=1e-5)


def test_a_graph_that_says_nothing_is_not_the_same(put):
    assert not alikeness(put, ones(), spoiled="nan").same


@pytest.mark.parametrize(
    ("changes", "largest"),
    [
        pytest.param({"a": np.array([1, 1, 1.5], np.float32)}, 0.5, id="another number"),
        pytest.param({"a": np.ones(3, np.float64)}, 0.0, id="another type"),
        pytest.param({"a": np.ones(4, np.float32)}, 0.0, id="another form"),
        pytest.param({"a": np.array([1, 1, -0.0], np.float32)}, 1.0, id="a signed zero"),
        pytest.param({"c": np.ones(1, np.float32)}, 0.0, id="one more"),
    ],
)
def test_a_tensor_that_is_another_is_named(put, changes, largest):
    found = alikeness(put, ones(**changes))

    assert not found.same
    assert found.differing == tuple(changes)
    assert found.largest == largest
    assert f"1 of 2 tensors differ ({next(iter(changes))})" in found.sentence
