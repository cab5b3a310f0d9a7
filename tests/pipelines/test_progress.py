import pytest
from rich.console import Console

from pipelines import progress
from pipelines.progress import shown, watching


@pytest.fixture
def screen(monkeypatch):
    """Draw into memory; returns what was drawn when a test asks."""

    def build(*, terminal):
        console = Console(force_terminal=terminal, width=100, record=True, file=open_nowhere())
        monkeypatch.setattr(progress, "Console", lambda **_: console)
        return console.export_text

    return build


def open_nowhere():
    from io import StringIO  # noqa: PLC0415 - only here

    return StringIO()


def epoch(number, member=0):
    return {"cell": "gru", "member": member, "epoch": number, "score": 1.25}


def test_each_candidate_has_a_bar_that_names_its_member_and_its_error(screen):
    drawn = screen(terminal=True)
    with shown(members=2, epochs=10):
        watching.get()(epoch(4))
        watching.get()({"cell": "lstm", "member": 0, "epoch": 1, "score": 2.0})
        watching.get()({"cell": "gru", "done": 1})
        watching.get()(epoch(3, member=1))
    text = drawn()
    assert "member 2 of 2, error 1.250" in text
    assert "lstm" in text


def test_nothing_is_drawn_where_nobody_looks(screen):
    drawn = screen(terminal=False)
    with shown(members=1, epochs=10):
        watching.get()(epoch(1))
        watching.get()({"stage": "judge"})
    assert drawn().strip() == ""


def test_steps_outside_a_bar_are_told_to_nobody(screen):
    before = watching.get()
    screen(terminal=True)
    with pytest.raises(ZeroDivisionError), shown(members=1, epochs=1):
        _ = 1 / 0
    assert watching.get() is before
    before(epoch(1))
