import pytest

from forecasting.errors import CorpusInvalid
from forecasting.language.preparation import prepare, unwrap

FRAMED = """licence
*** START OF THE PROJECT GUTENBERG EBOOK THE TIME MACHINE ***
Credits.

CHAPTER I
The Time Traveller came.
The end.
*** END OF THE PROJECT GUTENBERG EBOOK THE TIME MACHINE ***
more licence
"""


def test_letters_keep_the_lectures_rule():
    assert prepare("It has,\n\n 7 things -- & Names", "letters") == "it has things names"


def test_as_is_keeps_everything_composed_and_with_one_end_of_line():
    assert prepare("cafe\u0301\r\nbar\rbaz", "as-is") == "café\nbar\nbaz"


def test_gutenbergs_frame_is_cut_away():
    work = unwrap(FRAMED)

    assert work.strip().startswith("Credits.")
    assert work.strip().endswith("The end.")


def test_words_of_the_corpus_mark_the_work_within_the_frame():
    assert unwrap(FRAMED, "CHAPTER I", "came.") == "CHAPTER I\nThe Time Traveller came."


def test_a_text_without_a_frame_stays_whole():
    assert unwrap("only words") == "only words"


def test_a_mark_that_is_not_there_is_refused():
    with pytest.raises(CorpusInvalid, match="a mark does not stand in the text"):
        unwrap(FRAMED, "CHAPTER XII")
