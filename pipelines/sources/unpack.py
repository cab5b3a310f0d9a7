"""Unpack gzip and zip without trusting what they say about their size."""

import gzip
import io
import zipfile
import zlib
from typing import IO

from forecasting.errors import SourceFormat, SourceTooLarge

#: Tables of numbers shrink about tenfold and never two-hundredfold; a bomb shrinks a thousandfold.
MOST_RATIO = 200
CHUNK_BYTES = 65_536
PLAIN_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
ENCRYPTED = 1
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"

#: What a damaged archive, or one of an unknown kind, makes the standard library raise.
DAMAGED = (zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, EOFError, NotImplementedError)


def unpack(content: bytes, name: str, *, most_bytes: int) -> bytes:
    """Return the one file inside a gzip or zip archive, or the content itself.

    Args:
        content: the bytes as they came.
        name: what to call them in an error.
        most_bytes: the most bytes to unpack to.

    Raises:
        SourceTooLarge: it unpacks to more, or far more than it weighs.
        SourceFormat: the archive is damaged, or does not hold exactly one file.
    """
    most = min(most_bytes, MOST_RATIO * len(content))
    try:
        if content.startswith(GZIP):
            return _drain(gzip.GzipFile(fileobj=io.BytesIO(content)), name, most)
        if content.startswith(ZIP):
            return _unzip(content, name, most)
    except DAMAGED as error:
        raise SourceFormat(
            f"{name} is a damaged archive", expected="gzip or zip", found=error
        ) from error
    return content


def _unzip(content: bytes, name: str, most: int) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        plain = all(
            member.compress_type in PLAIN_METHODS and not member.flag_bits & ENCRYPTED
            for member in members
        )
        if len(members) != 1 or not plain:
            raise SourceFormat(
                f"{name} is not a plain archive of one file",
                expected="one file, deflated or stored, without a password",
                found=f"{len(members)} files, {'plain' if plain else 'not plain'}",
            )
        with archive.open(members[0]) as file:
            return _drain(file, name, most)


def _drain(file: IO[bytes] | gzip.GzipFile, name: str, most: int) -> bytes:
    unpacked = bytearray()
    while part := file.read(CHUNK_BYTES):
        unpacked += part
        if len(unpacked) > most:
            raise SourceTooLarge(
                f"{name} unpacks to too much",
                expected=f"at most {most} bytes and {MOST_RATIO} times its own size",
                found="more",
            )
    return bytes(unpacked)
