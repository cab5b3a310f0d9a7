"""A table for spreadsheets: numbers as they are, text that no program takes for a formula."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.csv_answers import csv_table, plain_text
from serving.examples import CLIMATOLOGY, FORECAST, TABLE


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_text_that_begins_a_formula_is_prefixed(text):
    assert plain_text(text) == f"'{text}"


@given(st.text())
def test_no_cell_of_text_begins_a_formula(text):
    assert not plain_text(text).startswith(("=", "+", "-", "@"))
    assert plain_text(text).removeprefix("'") == text.removeprefix("'")


def test_negative_numbers_stay_numbers_and_names_are_made_safe():
    daily = {"time": ["2016-01-01"], "=cmd": [-4.5]}
    answer = {**FORECAST, "station": "@seattle", "daily": daily, "daily_units": {"=cmd": "°C"}}

    (row,) = csv.DictReader(io.StringIO(csv_table([answer]).decode()))

    assert row["'=cmd (°C)"] == "-4.5"
    assert row["station"] == "'@seattle"


def test_the_documents_example_is_what_is_written():
    assert csv_table([FORECAST]).decode() == TABLE


def test_answers_with_other_columns_share_one_table():
    other = {**CLIMATOLOGY, "daily": {"time": ["2016-01-01"], "rain": [None]}}
    other["daily_units"] = {"time": "iso8601", "rain": "mm"}

    first, second = csv.DictReader(io.StringIO(csv_table([FORECAST, other]).decode()))

    assert (first["rain (mm)"], second["rain (mm)"]) == ("", "")
    assert second["temperature_2m_mean (°C)"] == ""
    assert (first["model"], second["model"]) == ("climate-seattle/1", "climatology")
    assert (first["fallback"], second["fallback"]) == ("", "NO_CHAMPION")
