import pytest

from data_checks.reader import LINE_BYTES, check_header, load_table, read_table, shown
from forecasting.errors import SourceFormat, SourceTooLarge

GOOD = b"date,temp,wind\n2024-01-01,1,2\n2024-01-02,3,4\n"


def test_rows_keep_their_place_in_the_file():
    table = read_table(b"\xef\xbb\xbfdate,temp\r\n\r\n2024-01-01, 1 \r\n", "a.csv")
    assert table.header == ("date", "temp")
    assert table.rows == ((3, ("2024-01-01", "1")),)


def test_a_landed_file_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(GOOD)
    assert len(load_table(tmp_path / "a.csv").rows) == 2


def test_a_landed_file_that_is_too_large_is_not_even_opened(tmp_path, monkeypatch):
    monkeypatch.setattr("data_checks.reader.FILE_BYTES", 10)
    (tmp_path / "a.csv").write_bytes(GOOD)
    with pytest.raises(SourceTooLarge, match="at most 10 bytes; found 45"):
        load_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b" \n\n", "an empty file"),
        (b"\n<!doctype html><html>", "an HTML or XML page"),
        (b'{"error": true}', "JSON"),
        (b'[{"date": 1}]', "JSON"),
    ],
)
def test_what_is_no_table_is_named(content, found):
    with pytest.raises(SourceFormat, match=found):
        read_table(content, "a.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.replace(b"3", b"\0"), "row 3: not text; .* found a NUL byte"),
        (GOOD.replace(b"1,2", b"\xb0,2"), "row 2: bad encoding; expected UTF-8; found byte 0xb0"),
        (GOOD.decode().encode("utf-16"), "row 1: not text"),
        (GOOD + b'2024-01-03,"1,2\n', "row 4: cannot be split"),
    ],
)
def test_bytes_that_are_not_text_are_refused_with_their_row(content, message):
    with pytest.raises(SourceFormat, match=message):
        read_table(content, "a.csv")


def test_a_line_without_end_is_refused_with_its_row():
    content = GOOD + b"x" * (LINE_BYTES + 1)
    with pytest.raises(SourceTooLarge, match=r"row 4: the line is too long"):
        read_table(content, "a.csv")


def test_more_bytes_than_allowed_are_refused():
    assert read_table(GOOD, "a.csv", most_bytes=len(GOOD)).rows
    with pytest.raises(SourceTooLarge, match="at most 44 bytes; found 45"):
        read_table(GOOD, "a.csv", most_bytes=len(GOOD) - 1)


@pytest.mark.parametrize("header", ["date;temp;wind", "date,temp", "date,temp,wind,temp"])
def test_another_header_is_refused_with_both(header, declare):
    table = read_table(f"{header}\n2024-01-01,1,2\n".encode(), "a.csv")
    with pytest.raises(SourceFormat) as refusal:
        check_header(table, declare())
    assert refusal.value.expected == "each of date, temp, wind once"
    assert header.replace(",", ", ") == refusal.value.found


def test_the_declared_header_with_more_columns_is_taken(declare):
    table = read_table(b"wind,note,date,temp\n2,x,2024-01-01,1\n", "a.csv")
    check_header(table, declare())


def test_a_header_without_rows_is_refused(declare):
    with pytest.raises(SourceFormat, match="has no rows"):
        check_header(read_table(b"date,temp,wind\n", "a.csv"), declare())


def test_foreign_text_is_shown_short_and_printable():
    assert shown("a\x1b[31m\nb") == "a\\x1b[31m\\nb"
    assert shown("x" * 100) == "x" * 60 + "…"
