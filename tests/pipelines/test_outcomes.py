"""What came of a version is written on it: each tag that changes, and no tag that does not."""

import pytest

from forecasting.stores.registry.versions import connect, resolve
from pipelines.outcomes import set_version_tags

MODEL = "climate-oslo"


@pytest.fixture
def client(known, version):
    version(tags={"cell": "gru", "promoted": "false"})
    return connect(known.settings)


@pytest.fixture
def written(client, monkeypatch):
    """The tags that MLflow is asked to write, one by one."""
    names, write = [], client.set_model_version_tag

    def record(model, number, name, value):
        names.append(name)
        write(model, number, name, value)

    monkeypatch.setattr(client, "set_model_version_tag", record)
    return names


def test_only_tags_that_change_are_written(client, written):
    said = {"cell": "gru", "promoted": "true", "review": "promoted"}

    set_version_tags(client, MODEL, 1, said)

    assert written == ["promoted", "review"]
    assert said.items() <= resolve(client, f"{MODEL}/1").tags.items()


def test_a_tag_that_somebody_changed_in_the_meantime_is_written_again(client, written):
    set_version_tags(client, MODEL, 1, {"cell": "lstm"})
    set_version_tags(client, MODEL, 1, {"cell": "gru"})

    assert written == ["cell", "cell"]
    assert resolve(client, f"{MODEL}/1").tags["cell"] == "gru"
