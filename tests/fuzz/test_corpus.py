"""Every input of the corpus is taken or refused, and the seeds that are whole are taken."""

from pathlib import Path

import pytest

from tests.fuzz.parsers import PARSERS

CORPUS = Path(__file__).with_name("corpus")
INPUTS = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
@pytest.mark.timeout(10)
def test_an_input_of_the_corpus_is_taken_or_refused(path):
    taken = PARSERS[path.parent.name](path.read_bytes())

    assert taken == path.name.startswith("whole")


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
@pytest.mark.timeout(60)
def test_no_cut_or_spoilt_byte_of_it_raises_anything_else(path):
    content, parser = path.read_bytes(), PARSERS[path.parent.name]
    step = max(1, len(content) // 40)
    for place in range(0, len(content), step):
        parser(content[:place])
        parser(content[:place] + b"\xff" + content[place + 1 :])
        parser(content[:place] + b'"' + content[place:])
        parser(content[:place] + b"9" * 5000 + content[place:])
