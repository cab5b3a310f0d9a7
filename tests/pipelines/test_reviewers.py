import getpass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.outcomes import REJECTED
from pipelines.reviewers import ReviewInvalid, in_markdown, reason, reviewer
from pipelines.reviewing import APPROVED, Review, reviewed

PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


def test_the_systems_user_is_the_reviewer_where_no_name_is_given():
    assert reviewer(None) == getpass.getuser()


def test_a_system_without_a_user_needs_a_name(monkeypatch):
    def nobody():
        raise OSError("no username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(ReviewInvalid, match="--by NAME"):
        reviewer(None)


@given(PLAIN.filter(lambda text: len(text) <= 30))
def test_a_plain_name_is_taken_in_its_usual_form(name):
    taken = reviewer(f" {name} ")
    assert taken == reviewer(taken)


@pytest.mark.parametrize(
    "name", ["", "   ", "a\nb", "a\x1b[2J", "a\u202eb", "a\u2028b", "\ud800", "a" * 101]
)
def test_a_name_that_is_no_bounded_plain_text_is_refused(name):
    with pytest.raises(ReviewInvalid) as refusal:
        reviewer(name)
    assert refusal.value.code == "REVIEW_INVALID"


def test_a_reason_may_be_left_out_only_where_it_is_not_needed():
    assert reason("") == ""
    assert reason(" mended ", needed=True) == "mended"
    with pytest.raises(ReviewInvalid, match="expected 1 to 1000 characters; found 0 characters"):
        reason(" ", needed=True)
    with pytest.raises(ReviewInvalid):
        reason("x" * 1001)


def test_markup_in_a_reviewers_words_is_shown_as_it_was_typed():
    assert in_markdown("[x](javascript:y) <img>") == r"\[x\](javascript:y) \<img\>"


def test_reviews_stand_above_the_description_the_newest_first():
    first = Review(state=REJECTED, time="2026-01-01", who="Ada", why="")
    second = Review(state=APPROVED, time="2026-01-02", who="Bob", why="mended")

    assert reviewed(reviewed("# Oslo", first), second) == (
        "# Review\n\n- 2026-01-02: Approved by Bob: mended\n- 2026-01-01: Rejected by Ada\n\n# Oslo"
    )
