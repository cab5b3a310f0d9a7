"""Strict JSON: what is refused, where, and that everything else parses as Python's own does."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.bodies import BRACKETS, COMMAS, KEYS, parse_json, shown_key
from serving.refusals import BodyUnreadable

KEYS_OF_TESTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(KEYS_OF_TESTS, below, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_plain_json_comes_back_as_it_was(value):
    assert parse_json(json.dumps(value).encode()) == value


#: Pieces that bodies are made of, usual and not: many joined are JSON, many are not.
PIECES = st.sampled_from(
    [
        *(b"{", b"}", b"[", b"]", b",", b":", b" ", b'"a"', b'"b"', b'"a":', b'"b":', b"null"),
        *(b"1", b"-0.0", b"1e999", b"NaN", b"true", b"9007199254740993", b"1" * 19, b"1" * 25),
        *(b'"{"', b'"a:"', b'"\x7f":', b'"\xc3\xa9"', b"\xff", b'""', b'{"a":1,"a":2}'),
    ]
)


def read(body):
    """Return what a body holds, by kind and value, or the paths of what is refused of it."""
    try:
        return repr(parse_json(body))
    except BodyUnreadable as refused:
        return [fault.path for fault in refused.faults]


@given(
    st.lists(PIECES, max_size=12).map(b"".join) | JSON.map(lambda each: json.dumps(each).encode())
)
def test_a_body_is_read_alike_with_care_and_without(body):
    # An escape makes the reader take care; the key is the same one.
    assert read(b'{"x":' + body + b"}") == read(b'{"\\u0078":' + body + b"}")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"a":{"b":[1,NaN]}}', "$.a.b[1]"),
        (b"Infinity", "$"),
        (b'{"a":[{"b":1,"b":2}]}', "$.a[0].b"),
        (b'{"a" :1,"a":2}', "$.a"),
        (b'{"t":["2015-12-31T18:00"],"a":1,"a":2}', "$.a"),
        (b'{"a":1,"\\ud800":2}', "$.?"),
        (b'{"a":' + b"1" * 5000 + b"}", "$.a"),
        (b'{"a":', "$"),
        (b'\xef\xbb\xbf{"a":1}', "$"),
        (b"\xff", "$"),
    ],
)
def test_a_flaw_is_refused_with_its_path(body, path):
    with pytest.raises(BodyUnreadable) as refused:
        parse_json(body)

    assert refused.value.faults[0].path == path


@pytest.mark.parametrize(
    ("most", "over"),
    [
        (b"[" * BRACKETS + b"]" * BRACKETS, b"[" * (BRACKETS + 1) + b"]" * (BRACKETS + 1)),
        (b"[" + b"1," * COMMAS + b"1]", b"[" + b"1," * (COMMAS + 1) + b"1]"),
        (
            json.dumps({f"k{n}": 1 for n in range(KEYS)}).encode(),
            json.dumps({f"k{n}": 1 for n in range(KEYS + 1)}).encode(),
        ),
    ],
)
def test_a_body_may_reach_each_limit_and_not_pass_it(most, over):
    parse_json(most)

    with pytest.raises(BodyUnreadable):
        parse_json(over)


@pytest.mark.parametrize(
    ("key", "shown"), [("rain_2", "rain_2"), ("<b>", "?"), ("k" * 65, "?"), ("", "?")]
)
def test_only_plain_keys_are_shown(key, shown):
    assert shown_key(key) == shown
