import bz2
import gzip
import io
import zipfile

import pytest

from forecasting.errors import SourceFormat, SourceTooLarge
from pipelines.sources.unpack import MOST_RATIO, unpack

BODY = b"date,temp,wind\n2024-01-01,1,2\n"


def zipped(files, method=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        BODY,
        gzip.compress(BODY),
        gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]),
        zipped({"a.csv": BODY}),
        zipped({"a/": b"", "a/a.csv": BODY}, zipfile.ZIP_STORED),
    ],
    # Packed bytes carry the time: as names they would differ from worker to worker.
    ids=["plain", "gzip", "two members", "zip", "folder"],
)
def test_one_file_comes_out_as_it_went_in(content):
    assert unpack(content, "a", most_bytes=1000) == BODY


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: zipped({"a.csv": body})])
def test_a_bomb_is_refused_by_its_ratio(pack):
    bomb = pack(b"0" * 5_000_000)
    assert len(bomb) * MOST_RATIO < 5_000_000
    with pytest.raises(SourceTooLarge, match=f"{MOST_RATIO} times its own size"):
        unpack(bomb, "a", most_bytes=10_000_000)


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: zipped({"a.csv": body})])
def test_more_bytes_than_allowed_are_not_unpacked(pack):
    with pytest.raises(SourceTooLarge, match="at most 20 bytes"):
        unpack(pack(BODY), "a", most_bytes=20)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(BODY)[:-9],
        gzip.compress(BODY)[:12] + b"\xff" * 20,
        gzip.compress(BODY) + b"junk",
        zipped({"a.csv": BODY})[:40],
        b"PK\x03\x04",
    ],
    ids=["cut gzip", "spoilt gzip", "gzip and junk", "cut zip", "only a head"],
)
def test_a_damaged_archive_is_refused(content):
    with pytest.raises(SourceFormat, match="damaged"):
        unpack(content, "a", most_bytes=1000)


@pytest.mark.parametrize(
    "content",
    [
        zipped({"a.csv": BODY, "b.csv": BODY}),
        zipped({"a/": b""}),
        zipped({"a.csv": BODY}, zipfile.ZIP_BZIP2),
    ],
    ids=["two files", "no file", "bzip2"],
)
def test_an_archive_of_another_shape_is_refused(content):
    with pytest.raises(SourceFormat, match="one file"):
        unpack(content, "a", most_bytes=1000)


def test_another_packing_is_left_to_the_reader_to_refuse():
    packed = bz2.compress(BODY)
    assert unpack(packed, "a", most_bytes=1000) == packed
