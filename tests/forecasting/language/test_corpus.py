import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forecasting.errors import CorpusTooShort
from forecasting.language.corpus import Corpus, streams


def test_the_three_parts_are_the_text_and_do_not_overlap(corpus):
    assert corpus.train + corpus.validation + corpus.test == corpus.text
    assert len(corpus.train) == 4_800
    assert len(corpus.validation) == len(corpus.test) == 600


def test_the_vocabulary_sees_the_training_text_only(corpus):
    late = Corpus(name="late", text=corpus.text[:-2] + "zz", preparation="letters")

    assert "z" not in late.vocabulary.symbols
    assert late.vocabulary.encode(late.test)[-1] == 0


def test_a_text_that_is_too_short_is_refused():
    with pytest.raises(CorpusTooShort, match="at least 2000 characters; found 5"):
        Corpus(name="five", text="words", preparation="letters")


@given(
    length=st.integers(40, 300),
    batch=st.integers(1, 6),
    steps=st.integers(1, 20),
    offset=st.integers(0, 20),
)
def test_streams_go_on_where_they_ended_and_foretell_the_next_character(
    length, batch, steps, offset
):
    numbers = torch.arange(length)

    stretches = list(streams(numbers, batch, steps, offset))

    inputs = torch.cat([each for each, _ in stretches], dim=1)
    targets = torch.cat([each for _, each in stretches], dim=1)
    assert torch.equal(targets, inputs + 1)
    assert torch.equal(inputs.flatten(), torch.arange(offset, offset + inputs.numel()))
    assert inputs.shape == (batch, (length - offset - 1) // batch)


def test_streams_without_a_step_each_are_refused():
    with pytest.raises(CorpusTooShort, match="too few characters for the streams"):
        next(streams(torch.arange(8), batch=8, steps=2))
