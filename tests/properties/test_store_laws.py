"""Files and names: a reader sees the old bytes or the new; a name never leaves its folder."""

import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.stores.files import NameInvalid, safe_name, sha256, write_bytes

FAULTS = ("os.fsync", "pathlib.Path.chmod", "pathlib.Path.replace")


@given(old=st.binary(), new=st.binary())
def test_a_written_file_holds_the_new_bytes_and_nothing_lies_beside_it(old, new):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "below" / "a.json"
        write_bytes(path, old)

        write_bytes(path, new)

        assert path.read_bytes() == new
        assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("fault", FAULTS)
@given(old=st.binary(), new=st.binary())
def test_a_write_that_fails_leaves_the_old_bytes_and_nothing_beside_them(fault, old, new):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        write_bytes(path, old)

        with (
            mock.patch(fault, side_effect=OSError("no space left")),
            pytest.raises(OSError, match="no space left"),
        ):
            write_bytes(path, new)

        assert path.read_bytes() == old
        assert list(path.parent.iterdir()) == [path]


@given(content=st.binary(max_size=50))
def test_one_changed_byte_changes_the_sum(content):
    with tempfile.TemporaryDirectory() as folder:
        one, other = Path(folder) / "one", Path(folder) / "other"
        one.write_bytes(content + b"a")
        other.write_bytes(content + b"b")

        assert sha256(one) != sha256(other)


@given(st.text() | st.sampled_from(["..", ".", "a/b", "a\n", "Ä", "", "a" * 65, "\x00", "A"]))
def test_a_name_that_is_let_through_stays_in_its_folder(name):
    try:
        found = safe_name(name)
    except NameInvalid:
        assert not (
            1 <= len(name) <= 64 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
        )
    else:
        folder = Path("/home/var")
        assert (folder / found).parent == folder
        assert found == name
        assert name.isascii()
