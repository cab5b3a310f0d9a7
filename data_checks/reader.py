"""Read a CSV file into text cells, bounded in every direction, and say where it goes wrong."""

import csv
import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path

from data_checks.declaration import Dataset
from forecasting.errors import SourceFormat, SourceTooLarge

#: A day of a station has some dozens of cells: one line never needs more than this.
LINE_BYTES = 65_536
FILE_BYTES = 256 * 2**20
LONG_LINE = re.compile(rb"[^\r\n]{%d}" % (LINE_BYTES + 1))


@dataclass(frozen=True, kw_only=True)
class Table:
    """The text of one file: `rows` holds the line's number in the file and its cells."""

    name: str
    sha256: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


def read_table(content: bytes, name: str, *, most_bytes: int = FILE_BYTES) -> Table:
    """Read comma-separated text with a header line.

    Args:
        content: the file's bytes, UTF-8.
        name: what to call the file in an error.
        most_bytes: the largest file to take.

    Raises:
        SourceTooLarge: the file or one of its lines is too long.
        SourceFormat: it is empty, a page or a document, not UTF-8, holds NUL, or its quotes
            do not close; the row number is in the message.
    """
    text = decode(content, name, most_bytes=most_bytes)
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(lines.line_num, tuple(cell.strip() for cell in cells)) for cells in lines if cells]
    except csv.Error as error:
        raise SourceFormat(
            f"{name}, row {lines.line_num}: cannot be split into cells",
            expected="comma-separated text whose quotes close",
            found=error,
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    return Table(name=name, sha256=digest, header=rows[0][1], rows=tuple(rows[1:]))


def decode(content: bytes, name: str, *, most_bytes: int = FILE_BYTES) -> str:
    """Return the text of a file that is neither too large nor something else than text.

    Raises:
        SourceTooLarge: the file or one of its lines is too long.
        SourceFormat: it is empty, a page or a document, not UTF-8, or holds NUL.
    """
    _check_size(content, name, most_bytes)
    _check_kind(content, name)
    if (nul := content.find(b"\0")) >= 0:
        raise SourceFormat(
            f"{name}, row {_row(content, nul)}: not text",
            expected="comma-separated text in UTF-8",
            found="a NUL byte",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceFormat(
            f"{name}, row {_row(content, error.start)}: bad encoding",
            expected="UTF-8",
            found=f"byte 0x{content[error.start]:02x}",
        ) from error


def missing_columns(header: tuple[str, ...], dataset: Dataset) -> tuple[str, ...]:
    """Return the declared columns that a header does not have exactly once."""
    return tuple(column for column in dataset.headings if header.count(column) != 1)


def check_header(table: Table, dataset: Dataset) -> None:
    """Refuse a file without the declared columns, or without any row.

    Raises:
        SourceFormat: with the expected and the found header.
    """
    if missing_columns(table.header, dataset):
        raise SourceFormat(
            f"{table.name} has another header",
            expected=f"each of {', '.join(dataset.headings)} once",
            found=shown(", ".join(table.header), 200),
        )
    if not table.rows:
        raise SourceFormat(
            f"{table.name} has no rows", expected="rows under the header", found="none"
        )


def load_table(path: Path) -> Table:
    """Read a landed file.

    Raises:
        SourceTooLarge, SourceFormat: as `read_table`.
    """
    if (size := path.stat().st_size) > FILE_BYTES:
        raise SourceTooLarge(
            f"{path.name} is too large", expected=f"at most {FILE_BYTES} bytes", found=size
        )
    return read_table(path.read_bytes(), path.name)


def shown(text: str, length: int = 60) -> str:
    """Return foreign text as it may be shown: printable, short, on one line."""
    printable = "".join(
        mark if mark.isprintable() else ascii(mark)[1:-1] for mark in text[: length + 1]
    )
    return printable if len(printable) <= length else f"{printable[:length]}…"


def _check_size(content: bytes, name: str, most_bytes: int) -> None:
    if len(content) > most_bytes:
        raise SourceTooLarge(
            f"{name} is too large", expected=f"at most {most_bytes} bytes", found=len(content)
        )
    if long := LONG_LINE.search(content):
        raise SourceTooLarge(
            f"{name}, row {_row(content, long.start())}: the line is too long",
            expected=f"at most {LINE_BYTES} bytes a line",
            found="more",
        )


def _check_kind(content: bytes, name: str) -> None:
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    kinds = {b"": "an empty file", b"<": "an HTML or XML page", b"{": "JSON", b"[": "JSON"}
    if start in kinds:
        raise SourceFormat(
            f"{name} is not the declared data",
            expected="comma-separated text with a header",
            found=kinds[start],
        )


def _row(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1
