from forecasting import errors
from forecasting.errors import GatecastError, SeriesTooShort


def refusals(of=GatecastError):
    for kind in of.__subclasses__():
        yield kind
        yield from refusals(kind)


def test_a_refusal_says_what_was_expected_and_what_was_found():
    error = SeriesTooShort("too few steps", expected="at least 67 steps", found=60)

    assert str(error) == "too few steps; expected at least 67 steps; found 60"
    assert error.to_json() == {
        "code": "SERIES_TOO_SHORT",
        "message": "too few steps",
        "expected": "at least 67 steps",
        "found": "60",
    }


def test_a_refusal_without_either_says_its_sentence_only():
    error = SeriesTooShort("too few steps")

    assert str(error) == "too few steps"
    assert error.to_json()["found"] is None


def test_every_refusal_has_a_code_of_its_own():
    named = [kind for kind in refusals() if kind.__module__ == errors.__name__]
    codes = [kind.code for kind in named]

    assert len(codes) == len(set(codes))
    assert all(code == code.upper() for code in codes)
