import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.stores.fencing import Fenced, note_promoted, require_not_older, take


def test_each_token_is_higher_than_all_before_and_only_the_newest_passes(tmp_path):
    first, other = take(tmp_path, "oslo"), take(tmp_path, "bergen")
    first.require_newest(tmp_path)
    second = take(tmp_path, "oslo")
    assert (first.token, second.token, other.token) == (1, 2, 1)
    second.require_newest(tmp_path)
    other.require_newest(tmp_path)
    with pytest.raises(Fenced, match="later retraining of oslo has taken over") as refusal:
        first.require_newest(tmp_path)
    assert (refusal.value.code, refusal.value.found) == ("FENCED", "token 1")


def test_tokens_are_told_apart_even_where_two_lost_the_retrain_lock(tmp_path):
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(take(tmp_path, "oslo").token))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 9))


def test_a_version_of_an_older_retraining_than_the_promoted_one_is_refused(tmp_path):
    require_not_older(tmp_path, "climate-oslo", 1)
    note_promoted(tmp_path, "climate-oslo", 3)
    note_promoted(tmp_path, "climate-oslo", None)  # a person's move has no number
    require_not_older(tmp_path, "climate-oslo", 3)
    require_not_older(tmp_path, "climate-oslo", None)
    require_not_older(tmp_path, "climate-bergen", 1)
    with pytest.raises(Fenced, match="has been promoted"):
        require_not_older(tmp_path, "climate-oslo", 2)


def test_where_the_counter_is_spoilt_nobody_passes_and_none_is_given_out(tmp_path):
    fence = take(tmp_path, "oslo")
    (tmp_path / "fencing" / "issued" / "oslo.json").write_text("{")
    for act in (lambda: fence.require_newest(tmp_path), lambda: take(tmp_path, "oslo")):
        with pytest.raises(Fenced, match="cannot be read"):
            act()


@given(st.lists(st.sampled_from(["take", "promote"]), max_size=20), st.randoms())
def test_whoever_promotes_was_the_newest_and_promoted_tokens_never_fall(
    tmp_path_factory, acts, chance
):
    home, taken, promoted = tmp_path_factory.mktemp("home"), [], []
    for act in acts:
        if act == "take" or not taken:
            taken.append(take(home, "oslo"))
            continue
        worker = chance.choice(taken)
        try:
            worker.require_newest(home)
        except Fenced:
            assert worker != taken[-1]
            continue
        note_promoted(home, "climate-oslo", worker.token)
        promoted.append(worker.token)
    assert promoted == sorted(promoted)
