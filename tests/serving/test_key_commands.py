"""The verbs for keys: a key is printed once, and never again."""

import json

import pytest

from gatecast import app
from serving.key_stores import FileKeys
from serving.keys import KeyUnknown, find_key


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a verb of `gatecast keys` on a home of its own; returns what it prints."""
    monkeypatch.setenv("GATECAST_HOME", str(tmp_path))

    def invoke(*words):
        app(["keys", *words])
        return capsys.readouterr()

    return invoke


def test_a_key_is_alone_on_stdout_so_that_a_script_can_take_it(run, tmp_path):
    printed = run("create", "weather desk", "--scope", "forecast", "--scope", "observe")

    key = find_key(FileKeys(tmp_path).read(), printed.out.strip())
    assert (key.name, key.scopes) == ("weather desk", ("forecast", "observe"))
    assert "not shown again" in printed.err


def test_the_list_shows_whose_and_until_when_and_no_key(run):
    whole = run("create", "ann", "--days", "30").out.strip()
    shown, listed = run("list").out, json.loads(run("list", "--json").out)

    assert "ann" in shown
    assert whole not in shown
    (key,) = listed["keys"]
    assert (key["name"], key["scopes"], key["state"]) == ("ann", ["forecast"], "works")
    assert not {"sha256", "key"} & key.keys()


def test_a_key_is_revoked_by_its_id(run):
    made = json.loads(run("create", "ann", "--json").out)

    assert json.loads(run("revoke", made["id"], "--json").out)["state"] == "ended"
    assert "revoked" in run("revoke", made["id"]).out


def test_a_rotated_key_is_a_new_one_beside_the_old(run, tmp_path):
    made = json.loads(run("create", "ann", "--json").out)
    other = json.loads(run("rotate", made["id"], "--hours", "2", "--json").out)

    assert other["key"] != made["key"]
    assert {key["state"] for key in json.loads(run("list", "--json").out)["keys"]} == {"works"}
    assert len(FileKeys(tmp_path).read()) == 2


def test_an_id_that_is_nobody_s_is_refused(run):
    with pytest.raises(KeyUnknown):
        run("revoke", "00000000")
