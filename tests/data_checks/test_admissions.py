import json

import numpy as np
import pytest

from data_checks.admissions import load_admitted, save_admission
from forecasting.errors import DataRefused, DataUnchecked


@pytest.fixture
def admission(check, declare, days):
    return check(declare(), days(40, changes={(3, 1): ""}))


def test_an_admitted_series_comes_back_with_its_gaps(tmp_path, admission):
    folder = save_admission(tmp_path, admission)
    series = load_admitted(tmp_path, admission.data_sha256)
    assert folder == tmp_path / "admitted" / admission.data_sha256
    assert series.sha256 == admission.data_sha256
    np.testing.assert_array_equal(series.values, admission.series.values)
    assert series.variables == admission.series.variables
    assert series.station == admission.series.station


def test_saving_twice_is_saving_once(tmp_path, admission):
    first = {p.name: p.read_bytes() for p in save_admission(tmp_path, admission).iterdir()}
    second = {p.name: p.read_bytes() for p in save_admission(tmp_path, admission).iterdir()}
    assert first == second


def test_a_refused_batch_is_not_saved(tmp_path, check, declare, days):
    refused = check(declare(), days(3))
    with pytest.raises(DataRefused, match="oslo was refused"):
        save_admission(tmp_path, refused)
    assert not (tmp_path / "admitted").exists()


def test_data_without_a_verdict_is_refused(tmp_path, admission):
    folder = save_admission(tmp_path, admission)
    (folder / "verdict.json").unlink()
    with pytest.raises(DataUnchecked, match="no verdict"):
        load_admitted(tmp_path, admission.data_sha256)


def test_a_kill_between_data_and_verdict_leaves_nothing_to_load(tmp_path, admission, monkeypatch):
    def killed(_path, _content):
        raise KeyboardInterrupt

    monkeypatch.setattr("data_checks.admissions.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        save_admission(tmp_path, admission)
    with pytest.raises(DataUnchecked):
        load_admitted(tmp_path, admission.data_sha256)


@pytest.mark.parametrize("change", [{"verdict": "refused"}, {"data_sha256": "0" * 64}])
def test_another_verdict_is_refused(tmp_path, admission, change):
    path = save_admission(tmp_path, admission) / "verdict.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataUnchecked, match="another one"):
        load_admitted(tmp_path, admission.data_sha256)


def test_changed_values_are_refused(tmp_path, admission):
    path = save_admission(tmp_path, admission) / "series.npz"
    values = admission.series.values.copy()
    values[7, 0] += 0.001
    np.savez_compressed(path, values=values)
    with pytest.raises(DataUnchecked, match="was changed"):
        load_admitted(tmp_path, admission.data_sha256)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not an archive", b"\x93NUMPY"])
def test_a_damaged_archive_is_refused(tmp_path, admission, content):
    (save_admission(tmp_path, admission) / "series.npz").write_bytes(content)
    with pytest.raises(DataUnchecked):
        load_admitted(tmp_path, admission.data_sha256)


def test_a_damaged_verdict_is_refused(tmp_path, admission):
    (save_admission(tmp_path, admission) / "verdict.json").write_bytes(b'{"verdict"')
    with pytest.raises(DataUnchecked, match="cannot be read"):
        load_admitted(tmp_path, admission.data_sha256)


def test_objects_in_the_archive_are_never_unpickled(tmp_path, admission):
    path = save_admission(tmp_path, admission) / "series.npz"
    np.savez(path, values=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataUnchecked, match="allow_pickle=False"):
        load_admitted(tmp_path, admission.data_sha256)


@pytest.mark.parametrize("name", ["", "../../etc", "A" * 64, "0" * 63])
def test_only_a_digest_names_admitted_data(tmp_path, name):
    with pytest.raises(DataUnchecked, match="not a data version"):
        load_admitted(tmp_path, name)
