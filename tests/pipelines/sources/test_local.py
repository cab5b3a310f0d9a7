import os

import pytest

from data_checks.origins import PackageSource
from forecasting.errors import SourceTooLarge, SourceUnavailable
from pipelines.sources.local import read_files, read_package


def package(**changes):
    return PackageSource(
        **{
            "kind": "package",
            "package": "vega_datasets",
            "file": "_data/seattle-weather.csv",
            **changes,
        }
    )


def test_a_packaged_file_is_read():
    assert read_package(package(), most_bytes=10**6).startswith(b"date,precipitation")


@pytest.mark.parametrize("changes", [{"package": "no_such_package"}, {"file": "none.csv"}])
def test_what_is_not_installed_is_told(changes):
    with pytest.raises(SourceUnavailable):
        read_package(package(**changes), most_bytes=10**6)


def test_files_are_read_in_order(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    assert read_files([tmp_path / "b", tmp_path / "a"], most_bytes=1) == (b"2", b"1")


def test_a_file_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"12")
    with pytest.raises(SourceTooLarge, match="at most 1 bytes"):
        read_files([tmp_path / "a"], most_bytes=1)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceUnavailable, match="an ordinary file"):
        read_files([tmp_path / "pipe"], most_bytes=1)
    with pytest.raises(SourceUnavailable):
        read_files([tmp_path / "none"], most_bytes=1)
