"""Write files so that a reader sees the old bytes or the new ones, never a part."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from forecasting.errors import GatecastError, StorageFailed
from forecasting.faults import reach

#: Longest name that may become part of a path.
LONGEST = 64

NAME = re.compile(rf"[a-z0-9_-]{{1,{LONGEST}}}")


class NameInvalid(GatecastError):
    """An identifier that may not become part of a path."""

    code = "NAME_INVALID"


def safe_name(name: str) -> str:
    """Return the name if it may become part of a path.

    Raises:
        NameInvalid: it holds anything but lower-case letters, digits, `_` and `-`.
    """
    if NAME.fullmatch(name) is None:
        raise NameInvalid(
            "a name cannot be used", expected="1 to 64 of a-z, 0-9, _ and -", found=repr(name[:80])
        )
    return name


def short_name(name: str) -> str:
    """Return a name that is short enough: where it was too long, its end says what the whole was.

    >>> short_name("oslo"), short_name("oslo-" * 20)
    ('oslo', 'oslo-oslo-oslo-oslo-oslo-oslo-oslo-oslo-oslo-os-e34ad65bca65de8c')
    """
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[: LONGEST - len(digest) - 1]}-{digest}"


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn what the system says of a disk into one code.

    Raises:
        StorageFailed: the disk is full, read-only or failing, or the path is another's.
    """
    try:
        yield
    except GatecastError:
        raise
    except OSError as error:
        refused = StorageFailed(f"{what} could not be written", found=error.strerror or error)
        refused.errno = error.errno
        raise refused from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file durably: temporary file, fsync, rename, fsync of the folder.

    Raises:
        StorageFailed: the disk refused; what was there before is there still.
    """
    with storage_errors(path.name):
        _write_bytes(path, content)


def _write_bytes(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            reach("file.begun")
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        reach("file.written")
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    reach("file.renamed")
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, content: object) -> None:
    """Write JSON durably; refuses NaN, which JSON does not have."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    write_bytes(path, text.encode() + b"\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
