"""What a database server takes of a description, told where it was cut."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from forecasting.stores.registry.descriptions import CUT, STORED, storable

SERVER = SimpleNamespace(tracking_uri="http://127.0.0.1:5000")
EMBEDDED = SimpleNamespace(tracking_uri="sqlite:///var/mlflow/mlflow.db")


@given(st.lists(st.text(alphabet="ab|\u00e9", max_size=900), max_size=12).map("\n".join))
def test_a_description_is_kept_whole_or_cut_at_a_line_and_says_so(description):
    stored = storable(SERVER, description)

    assert len(stored) <= STORED
    if len(description) <= STORED:
        assert stored == description
    else:
        assert stored.endswith(CUT)
        assert description.startswith(stored.removesuffix(CUT))


def test_a_description_is_cut_between_two_rows_of_a_table():
    row = f"| {'x' * 90} |"
    stored = storable(SERVER, "\n".join([row] * 80))

    assert set(stored.removesuffix(CUT).split("\n")) == {row}


def test_what_was_cut_once_is_cut_again_with_one_mark():
    once = storable(SERVER, "\n".join(["a line of some words"] * 900))
    again = storable(SERVER, f"# Review\n\n{once}")

    assert again.count(CUT) == 1
    assert len(again) <= STORED


def test_the_embedded_registry_takes_any_length():
    assert storable(EMBEDDED, "x" * 90_000) == "x" * 90_000
