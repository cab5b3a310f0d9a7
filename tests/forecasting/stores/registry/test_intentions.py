"""A promotion that is stopped anywhere leaves a line for each move of the alias, and no other."""

import pytest

from forecasting.stores.decisions import read_decisions, read_moves
from forecasting.stores.intentions import intended, intention_path
from forecasting.stores.registry import aliases
from forecasting.stores.registry.aliases import CHAMPION, heal

MODEL = "climate-oslo"

#: Of these points the alias is moved already.
MOVED = ("promote.named", "promote.recorded", "promote.logged", "promote.pointed")


class Killed(BaseException):
    """Takes the place of a signal."""


@pytest.fixture
def stopped(registry, monkeypatch):
    """Promote version 1, and then 2 up to a point; returns what both logs say of 2."""

    def act(point):
        registry.promote(registry.add())

        def reach(here):
            if here == point:
                raise Killed

        with monkeypatch.context() as patch:
            for module in ("registry.aliases", "intentions", "published"):
                patch.setattr(f"forecasting.stores.{module}.reach", reach)
            with pytest.raises(Killed):
                registry.promote(registry.add(), judged_against=1)

    return act


def lines(registry):
    """What each log says, oldest first: the versions, who and why."""
    root = registry.settings.root
    moves = [(each.after, each.who, each.why) for each in read_moves(root, MODEL)]
    decisions = [(each.version, each.who, each.sentence) for each in read_decisions(root, MODEL)]
    assert all(each.promoted for each in read_decisions(root, MODEL))
    return moves[::-1], decisions[::-1]


@pytest.mark.parametrize("point", MOVED)
def test_a_move_that_was_cut_off_has_its_line_in_both_logs_after_healing(registry, stopped, point):
    stopped(point)
    assert registry.champion() == 2

    heal(registry.client, registry.settings, MODEL)

    told = [(1, "test", "better"), (2, "test", "better")]
    assert lines(registry) == (told, told)
    assert intended(registry.settings.root, MODEL) is None


@pytest.mark.parametrize("point", ["promote.intended", "promote.kept"])
def test_an_intention_whose_alias_was_not_moved_is_dropped(registry, stopped, point):
    stopped(point)
    assert intended(registry.settings.root, MODEL).move.after == 2

    heal(registry.client, registry.settings, MODEL)

    assert lines(registry) == ([(1, "test", "better")],) * 2
    assert intended(registry.settings.root, MODEL) is None


def test_the_next_promotion_completes_what_was_cut_off_before_it_begins(registry, stopped):
    stopped("promote.named")

    registry.promote(registry.add(), judged_against=2)

    assert [version for version, _, _ in lines(registry)[1]] == [1, 2, 3]
    assert [version for version, _, _ in lines(registry)[0]] == [1, 2, 3]


def test_healing_that_is_cut_off_itself_logs_nothing_twice(registry, stopped, monkeypatch):
    stopped("promote.named")

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(aliases, "_publish", kill)
        with pytest.raises(Killed):
            heal(registry.client, registry.settings, MODEL)
    heal(registry.client, registry.settings, MODEL)

    assert [version for version, _, _ in lines(registry)[0]] == [1, 2]
    assert [version for version, _, _ in lines(registry)[1]] == [1, 2]


def test_an_alias_that_somebody_set_by_hand_completes_no_other_intention(registry, stopped):
    stopped("promote.intended")
    registry.client.set_registered_model_alias(MODEL, CHAMPION, str(registry.add()))

    heal(registry.client, registry.settings, MODEL)

    moves, decisions = lines(registry)
    assert [(version, who) for version, who, _ in moves] == [(1, "test"), (3, "registry")]
    assert [version for version, _, _ in decisions] == [1]


def test_an_intention_that_cannot_be_read_is_none(registry):
    registry.promote(registry.add())
    intention_path(registry.settings.root, MODEL).write_text('{"move": 1')

    assert heal(registry.client, registry.settings, MODEL) is None

    assert not intention_path(registry.settings.root, MODEL).exists()
