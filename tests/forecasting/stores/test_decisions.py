import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from forecasting.stores.decisions import (
    TAIL_BYTES,
    DecisionEntry,
    LeadScores,
    append_decision,
    decisions_path,
    moves_path,
    read_decisions,
    read_moves,
)
from forecasting.stores.files import NameInvalid


def make_entry(version=1, **changes):
    known = {
        "model": "climate-oslo",
        "version": version,
        "run_id": f"run-{version}",
        "promoted": True,
        "sentence": "Promoted: better.",
        "who": "somebody",
        "candidate": LeadScores(
            mean_mae=1.5, mae_by_lead=(1.0, 2.0), coverage_80_by_lead=(0.8, None)
        ),
        "rivals": {"persistence": LeadScores(mean_mae=2.0, mae_by_lead=(1.5, 2.5))},
    }
    return DecisionEntry(**(known | changes))


def test_a_decision_is_read_back_as_it_was_written(tmp_path):
    entry = make_entry(skill_horizon=5, judged_against=3, preset="quick")

    append_decision(tmp_path, entry)

    assert read_decisions(tmp_path, "climate-oslo") == [entry]


def test_decisions_come_newest_first_and_each_model_has_its_own(tmp_path):
    for version in (1, 2, None):
        append_decision(tmp_path, make_entry(version))
    append_decision(tmp_path, make_entry(9, model="climate-bergen"))

    assert [each.version for each in read_decisions(tmp_path, "climate-oslo")] == [None, 2, 1]


def test_nothing_recorded_is_no_decision_and_no_error(tmp_path):
    assert read_decisions(tmp_path, "climate-oslo") == []
    assert read_moves(tmp_path, "climate-oslo") == []


def test_a_half_written_last_line_is_left_out_and_the_next_decision_stands_after_it(tmp_path):
    append_decision(tmp_path, make_entry(1))
    path = append_decision(tmp_path, make_entry(2))
    path.write_bytes(path.read_bytes()[:-40])

    assert [each.version for each in read_decisions(tmp_path, "climate-oslo")] == [1]

    append_decision(tmp_path, make_entry(3))
    assert [each.version for each in read_decisions(tmp_path, "climate-oslo")] == [3, 1]


@pytest.mark.parametrize(
    "line",
    ["null", "[]", "{}", '{"model": 3}', "\udcff", '{"model": "climate-oslo", "time": 7}'],
)
def test_a_line_of_another_form_is_left_out(tmp_path, line):
    path = append_decision(tmp_path, make_entry(1))
    with path.open("ab") as file:
        file.write(line.encode(errors="surrogateescape") + b"\n")

    assert [each.version for each in read_decisions(tmp_path, "climate-oslo")] == [1]


def test_a_field_that_a_later_version_adds_does_not_hide_the_decision(tmp_path):
    path = append_decision(tmp_path, make_entry(1))
    content = json.loads(path.read_bytes()) | {"invented": {"later": 1}}
    path.write_text(json.dumps(content) + "\n")

    assert read_decisions(tmp_path, "climate-oslo") == [
        make_entry(1, time=content["time"]),
    ]


def test_only_the_newest_part_of_a_long_log_is_read(tmp_path):
    path = append_decision(tmp_path, make_entry(1, sentence="old"))
    line = path.read_bytes()
    filler = line.replace(b"old", b"x" * 60_000)
    path.write_bytes(line + filler * (TAIL_BYTES // len(filler) + 1))

    found = read_decisions(tmp_path, "climate-oslo")

    assert found
    assert all(each.sentence != "old" for each in found)


def test_decisions_written_at_once_are_all_whole(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: append_decision(tmp_path, make_entry(each)), range(24)))

    versions = [each.version for each in read_decisions(tmp_path, "climate-oslo")]
    assert sorted(versions) == list(range(24))


def test_a_name_that_is_no_name_reaches_no_file(tmp_path):
    with pytest.raises(NameInvalid):
        decisions_path(tmp_path, "../climate-oslo")
    with pytest.raises(NameInvalid):
        append_decision(tmp_path, make_entry(model="../climate-oslo"))


def test_a_number_that_json_does_not_have_is_refused_and_leaves_no_line(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        append_decision(
            tmp_path,
            make_entry(candidate=LeadScores(mean_mae=float("nan"), mae_by_lead=())),
        )

    assert read_decisions(tmp_path, "climate-oslo") == []


def test_the_moves_of_one_model_are_read_from_the_promotion_log(tmp_path):
    move = {"time": "t", "before": None, "after": 1, "who": "me", "why": "better"}
    lines = [move | {"model": name, "earlier": None} for name in ("climate-oslo", "climate-bergen")]
    text = "\n".join(map(json.dumps, lines))
    moves_path(tmp_path).write_text(f'{text}\n{{"half')

    assert [each.after for each in read_moves(tmp_path, "climate-oslo")] == [1]
