import sys
import threading
import types

import pytest

from data_checks.origins import KaggleSource
from forecasting.errors import SourceUnavailable
from pipelines.sources.kaggle import read_kaggle

SOURCE = KaggleSource(kind="kaggle", dataset="somebody/some-data", files=("a.csv", "in/b.csv"))


@pytest.fixture
def kagglehub(monkeypatch, tmp_path):
    """A module in the documented form: `dataset_download(handle)` returns a folder."""
    (tmp_path / "in").mkdir()
    (tmp_path / "a.csv").write_bytes(b"A")
    (tmp_path / "in" / "b.csv").write_bytes(b"B")
    module = types.ModuleType("kagglehub")
    module.dataset_download = lambda handle: str(tmp_path) if handle == SOURCE.dataset else ""
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return module


@pytest.mark.usefixtures("kagglehub")
def test_the_declared_files_are_read_in_order(stub):
    assert read_kaggle(SOURCE, stub.policy()) == (b"A", b"B")


def test_without_the_extra_the_way_to_it_is_named(monkeypatch, stub):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(SourceUnavailable) as refusal:
        read_kaggle(SOURCE, stub.policy())
    assert refusal.value.expected == "pip install 'gatecast[kaggle]'"
    assert "--csv" in refusal.value.message


@pytest.mark.parametrize("error", [ConnectionError("away"), ValueError("bad handle")])
def test_a_failed_download_is_told(kagglehub, stub, error):
    def fail(_handle):
        raise error

    kagglehub.dataset_download = fail
    with pytest.raises(SourceUnavailable, match=f"found {type(error).__name__}"):
        read_kaggle(SOURCE, stub.policy())


def test_a_download_without_end_is_left_at_the_deadline(kagglehub, stub):
    over = threading.Event()
    kagglehub.dataset_download = lambda _: over.wait(5)
    with pytest.raises(SourceUnavailable, match=r"within 0\.1 seconds"):
        read_kaggle(SOURCE, stub.policy(deadline_seconds=0.1))
    over.set()


@pytest.mark.usefixtures("kagglehub")
def test_a_file_that_is_not_in_the_download_is_told(stub, tmp_path):
    (tmp_path / "a.csv").unlink()
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        read_kaggle(SOURCE, stub.policy())
