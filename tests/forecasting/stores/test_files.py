import errno
import hashlib
import math
import os

import pytest

from forecasting.errors import StorageFailed
from forecasting.faults import VARIABLE, armed
from forecasting.stores.files import (
    NameInvalid,
    safe_name,
    sha256,
    short_name,
    write_bytes,
    write_json,
)


def test_a_file_is_flushed_before_it_is_renamed_and_its_folder_after(tmp_path, monkeypatch):
    steps = []
    flush, rename = os.fsync, type(tmp_path).replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("flush"), flush(handle)))
    monkeypatch.setattr(
        type(tmp_path), "replace", lambda *paths: (steps.append("rename"), rename(*paths))
    )

    write_bytes(tmp_path / "a", b"new")

    assert steps == ["flush", "rename", "flush"]


def test_a_written_file_can_be_read_by_others(tmp_path):
    write_bytes(tmp_path / "a", b"new")

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_json_is_written_sorted_and_whole(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1, "a": "°C"})

    assert (tmp_path / "a.json").read_text() == '{\n  "a": "°C",\n  "b": 1\n}\n'


def test_a_number_that_json_does_not_have_is_refused_and_the_old_file_stays(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"a": math.nan})

    assert "1" in (tmp_path / "a.json").read_text()


def test_the_sum_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"gatecast")

    assert sha256(tmp_path / "a") == hashlib.sha256(b"gatecast").hexdigest()


@pytest.mark.parametrize("name", ["oslo", "climate-oslo_2", "a" * 64])
def test_a_plain_name_may_become_a_path(name):
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["", "..", "a/b", "Oslo", "a b", "a\n", "ö", "a" * 65])
def test_any_other_name_is_refused_with_what_was_found(name):
    with pytest.raises(NameInvalid, match="expected 1 to 64 of a-z"):
        safe_name(name)


@pytest.fixture
def full_disk(monkeypatch):
    """Let the disk be full when the next file is begun."""
    monkeypatch.setenv(VARIABLE, "file.begun:error=ENOSPC")
    armed.cache_clear()
    yield
    monkeypatch.undo()
    armed.cache_clear()


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_told_by_one_code_and_the_old_file_stays(tmp_path):
    path = tmp_path / "some.json"
    path.write_bytes(b"old")

    with pytest.raises(StorageFailed, match=r"some\.json could not be written; .*No space") as told:
        write_bytes(path, b"new")

    assert told.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("full_disk")
def test_who_expects_an_error_of_the_system_gets_one(tmp_path):
    with pytest.raises(OSError, match="No space"):
        write_bytes(tmp_path / "some.json", b"new")


def test_names_that_differ_behind_the_longest_place_stay_apart():
    first, second = (short_name("oslo-" * 20 + end) for end in ("a", "b"))

    assert first != second
    assert safe_name(first).startswith("oslo-oslo-")
    assert short_name("a" * 64) == "a" * 64
