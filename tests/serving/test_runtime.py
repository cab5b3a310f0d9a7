"""A version is verified, parsed, matched to its card and tried before it may forecast."""

import json
from dataclasses import asdict, replace

import numpy as np
import onnx
import pytest

from forecasting.errors import ManifestMismatch, ModelInvalid, ModelOutputInvalid
from forecasting.stores.files import sha256
from forecasting.stores.published import CARD, GRAPH, MANIFEST, Pointer, write_manifest
from serving import runtime
from serving.runtime import Forecaster


def load(folder, model="climate-seattle"):
    pointer = Pointer(
        model=model,
        version=1,
        alias="champion",
        run_id="run-1",
        folder=folder.name,
        manifest_sha256=sha256(folder / MANIFEST),
    )
    return Forecaster.load(folder, pointer)


def history_ending_in(card, value):
    history = np.full((card.history, len(card.variables)), np.nan, np.float32)
    history[-5, 0] = value
    return history


def test_a_whole_version_forecasts_in_the_targets_unit(version_files, model_card):
    forecaster = load(version_files())

    quantiles = forecaster.quantiles(history_ending_in(model_card, 10.0), 86_400)

    assert quantiles.shape == (7, 5)
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    # The last valid value, a hundredth for day 1, a tenth for lead 1.
    assert quantiles[0, 2] == pytest.approx(10.11, abs=1e-5)


def test_the_range_of_forecasts_holds_those_that_were_asked_for_and_not_the_trial(
    version_files, model_card
):
    forecaster = load(version_files())
    assert not forecaster.seen.any

    quantiles = forecaster.quantiles(history_ending_in(model_card, 10.0), 86_400)

    assert (forecaster.seen.lowest, forecaster.seen.highest) == (quantiles.min(), quantiles.max())


def test_two_equal_calls_give_equal_bits(version_files, model_card):
    forecaster = load(version_files())
    history = history_ending_in(model_card, 10.0)

    first, second = (forecaster.quantiles(history, 86_400) for _ in range(2))

    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_one_flipped_bit_is_found_before_the_graph_is_parsed(version_files, monkeypatch, place):
    folder = version_files()
    content = bytearray((folder / GRAPH).read_bytes())
    content[int(len(content) * place)] ^= 1
    (folder / GRAPH).write_bytes(content)
    monkeypatch.setattr(runtime, "_session", lambda _: pytest.fail("parsed before verified"))

    with pytest.raises(ManifestMismatch, match=GRAPH):
        load(folder)


def test_a_manifest_that_the_pointer_does_not_name_is_refused(version_files):
    folder = version_files()
    pointer = Pointer(
        model="climate-seattle",
        version=1,
        alias="champion",
        run_id="run-1",
        folder="files",
        manifest_sha256="0" * 64,
    )

    with pytest.raises(ManifestMismatch, match="another manifest"):
        Forecaster.load(folder, pointer)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99])
def test_a_truncated_graph_with_a_right_manifest_does_not_load(version_files, keep):
    folder = version_files()
    content = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(content[: int(len(content) * keep)])
    write_manifest(folder)

    with pytest.raises(ModelInvalid, match="the graph"):
        load(folder)


def test_a_version_without_a_graph_does_not_load(version_files):
    folder = version_files()
    (folder / GRAPH).unlink()
    write_manifest(folder)

    with pytest.raises(ManifestMismatch, match="no graph"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"history": 61},
        {"horizon": 8},
        {"variables": ("temperature_2m_mean",)},
        {"levels": (0.1, 0.5, 0.9)},
    ],
)
def test_a_graph_of_another_shape_than_its_card_does_not_load(
    version_files, model_card, graph_of, change
):
    card = replace(model_card, **change)

    with pytest.raises(ModelInvalid, match="does not fit the card"):
        load(version_files(card=card, graph=graph_of(model_card)))


@pytest.mark.parametrize(
    "levels", [(0.1, 0.9), (0.9, 0.5, 0.1), (0.5, 0.5), (0.0, 0.5), (0.5, 1.0)]
)
def test_levels_must_ascend_inside_zero_and_one_and_hold_the_median(
    version_files, model_card, levels
):
    card = replace(model_card, levels=levels)

    with pytest.raises(ModelInvalid, match="levels must ascend"):
        load(version_files(card=card))


def test_another_models_card_does_not_load(version_files):
    with pytest.raises(ModelInvalid, match="expected climate-oslo; found climate-seattle"):
        load(version_files(), model="climate-oslo")


@pytest.mark.parametrize("card", ["{", "[]", '{"model": "climate-seattle"}', None])
def test_a_card_that_cannot_be_read_does_not_load(version_files, card):
    folder = version_files()
    (folder / CARD).unlink()
    if card is not None:
        (folder / CARD).write_text(card)
    write_manifest(folder)

    with pytest.raises(ModelInvalid, match="card cannot be read"):
        load(folder)


def test_a_graph_with_other_names_does_not_load(version_files):
    graph = onnx.load_from_string((version_files() / GRAPH).read_bytes())
    graph.graph.output[0].name = "mean"
    graph.graph.node[-1].output[0] = "mean"

    with pytest.raises(ModelInvalid, match="names differ"):
        load(version_files("other", graph=graph.SerializeToString()))


@pytest.mark.parametrize(("spoiled", "message"), [("nan", "finite"), ("unordered", "in order")])
def test_an_output_that_is_not_finite_or_not_in_order_is_refused(
    version_files, model_card, spoiled, message
):
    forecaster = load(version_files(spoiled=spoiled))

    forecaster.quantiles(history_ending_in(model_card, -1.0), 0)
    with pytest.raises(ModelOutputInvalid, match=message):
        forecaster.quantiles(history_ending_in(model_card, 1.0), 0)


def test_a_version_whose_first_forecast_is_not_finite_does_not_load(version_files):
    with pytest.raises(ModelOutputInvalid, match="not finite"):
        load(version_files(offset=np.inf))


def test_a_history_of_another_shape_is_refused_not_crashed_on(version_files):
    forecaster = load(version_files())

    with pytest.raises(ModelOutputInvalid, match="cannot be run"):
        forecaster.quantiles(np.zeros((59, 2), np.float32), 0)


def test_the_card_comes_back_as_it_was_written(version_files, model_card):
    folder = version_files()

    assert load(folder).card == model_card
    assert json.loads((folder / CARD).read_text())["model"] == asdict(model_card)["model"]
