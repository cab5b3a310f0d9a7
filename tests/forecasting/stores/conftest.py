"""Versions' files as the tiny forecaster makes them, and a card that belongs to them."""

import shutil
from dataclasses import asdict, replace

import pytest

from forecasting.climate.model import LEVELS
from forecasting.stores.files import write_json
from forecasting.stores.published import CARD, GRAPH, ModelCard, write_manifest


@pytest.fixture(scope="session")
def card_of():
    def build(**changes):
        card = ModelCard(
            model="climate-oslo", station="oslo", target="temperature_2m_mean", unit="°C",
            variables=("temperature_2m_mean", "wind_speed_10m_mean"), history=10, horizon=3,
            levels=LEVELS, step_seconds=86_400, cell="gru", members=2, parameters=1234,
            trained_through="2013-01-14", data_sha256="d" * 64, run_id="run-1",
        )  # fmt: skip
        return replace(card, **changes)

    return build


@pytest.fixture
def files_of(tmp_path, exported, card_of):
    """Lay a whole version's files into a folder; returns it."""

    def build(name="files", **changes):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copyfile(exported / "model.onnx", folder / GRAPH)
        write_json(folder / CARD, asdict(card_of(**changes)))
        write_manifest(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def flip_bit():
    """Change one bit in the middle of a file, as a tired disk does."""

    def flip(path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    return flip
