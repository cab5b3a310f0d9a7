import json

import pytest

from forecasting.stores.registry.versions import connect, resolve
from pipelines.commands.compare import diff
from pipelines.comparing import Comparison, ModelsDiffer, Row, compare
from pipelines.regating import promote_again


@pytest.fixture
def judged(known, version, tmp_path):
    """Register a hand-made graph and run the gate on it; returns its name."""
    client = connect(known.settings)

    def put(wrong_by, **tags):
        one = version(wrong_by=wrong_by, tags=tags)
        promote_again(known.settings, client, one, tmp_path / "scratch")
        return one.name

    return put


def log_inputs(client, name, **changes):
    """Say of a version what it was trained from, as a retraining does."""
    plan = {
        "preset": "quick", "seed": 1, "data_sha256": "a" * 64,
        "window": {"history": 10, "horizon": 1}, "blocks": {"train": 200, "gate": 460},
    }  # fmt: skip
    content = {
        "plan": plan | changes.pop("plan", {}),
        "recipe": {"widths": [4], "folds": 2} | changes,
        "pool": None,
        "environment": {"library": {"torch": "2.13.0"}},
    }
    client.log_dict(resolve(client, name).run_id, content, "environment.json")


def test_two_judged_versions_are_told_apart_in_words_and_numbers(known, judged, capsys):
    client = connect(known.settings)
    one, other = judged(0.3, cell="lstm"), judged(0.1, cell="gru")
    log_inputs(client, one)
    log_inputs(client, other, widths=[8], plan={"data_sha256": "b" * 64})

    diff(one, "climate-oslo@champion", json=True)

    told = json.loads(capsys.readouterr().out)
    rows = {(part, row["name"]): row for part in told for row in told[part] if "name" in row}
    assert told["versions"] == ["climate-oslo/1", "climate-oslo/2"]
    assert told["sentence"].startswith(
        "From climate-oslo/1 to climate-oslo/2: other data; changed cell lstm to gru, "
        "recipe.widths [4] to [8]; mean MAE 0.74 to 0.58"
    )
    assert told["sentence"].endswith("worse at no lead.")
    assert rows["skill", "MAE lead 1"]["change"] == pytest.approx(-0.16, abs=1e-2)
    assert rows["data", "rows"]["same"] is True
    assert rows["environment", "library.torch"]["after"] == "2.13.0"
    assert rows["seasons", "MAM"]["change"] < 0
    assert 0 <= rows["intervals", "coverage_80"]["before"] <= 1
    assert rows["cost", "megabytes"]["before"] > 0
    assert rows["verdict", "sentence"]["after"].startswith("Promoted: ")


def test_people_read_the_sentence_and_what_changed(known, judged, capsys):
    client = connect(known.settings)
    one, other = judged(0.1), judged(0.3)
    log_inputs(client, one)
    log_inputs(client, other, widths=[8])

    diff(one, other)

    out = capsys.readouterr().out
    assert out.startswith("From climate-oslo/1 to climate-oslo/2: the same data; changed recipe.")
    assert "worse at MAE lead 1." in out
    assert "recipe.folds" not in out
    for part in ("Skill", "Intervals", "Cost", "Verdict"):
        assert part in out


def test_versions_that_were_never_judged_say_so(known, version):
    client = connect(known.settings)
    found = compare(client, version(), version())

    assert found.sentence == (
        "From climate-oslo/1 to climate-oslo/2: data not recorded; the same parameters; "
        "no numbers in common."
    )


def test_versions_of_different_stations_are_refused(known, version):
    client = connect(known.settings)
    one = version()
    other = version(model="climate-bergen", station="bergen")

    with pytest.raises(ModelsDiffer, match="another version of climate-oslo") as refusal:
        compare(client, one, other)
    assert refusal.value.found == "climate-bergen/1"


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [(1, 3, 2), (1.5, 1.0, -0.5), (None, 1.0, None), (True, False, None), ("a", "b", None)],
)
def test_only_numbers_have_a_change(before, after, change):
    assert Row(part="skill", name="x", before=before, after=after).change == change


def sentence_of(*rows):
    """What is said of rows of (part, name, before, after)."""
    told = tuple(Row(part=p, name=n, before=b, after=a) for p, n, b, a in rows)
    return Comparison(before="a/1", after="a/2", rows=told).sentence


def test_numbers_of_other_origins_are_said_to_be_so():
    rows = [("data", "origins", 180, 190), ("skill", "mean MAE", 1.0, 1.1)]
    assert "mean MAE 1 to 1.1, measured at other origins" in sentence_of(*rows)


def test_as_many_origins_of_other_data_are_said_to_be_so():
    rows = [
        ("data", "sha256", "a", "b"), ("data", "origins", 180, 180),
        ("skill", "mean MAE", 1.0, 1.1), ("skill", "MAE lead 1", 1.0, 1.1),
    ]  # fmt: skip
    assert "mean MAE 1 to 1.1, measured on other data; worse at MAE lead 1." in sentence_of(*rows)


def test_nothing_is_said_of_leads_where_there_are_none():
    row = Row(part="skill", name="bits_per_character", before=2.0, after=2.1)
    found = Comparison(before="language-a/1", after="language-a/2", rows=(row,))

    assert found.sentence.endswith("bits_per_character 2 to 2.1.")
