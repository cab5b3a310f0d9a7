"""A tag names a body and what it was made from; whoever has it already gets 304."""

import pytest

from serving.tags import same_tag, tag_of, tagged

TAG = tag_of(b"{}", ["a", "b"])


def test_a_tag_changes_with_the_body_the_version_and_the_data():
    others = [tag_of(b"[]", ["a", "b"]), tag_of(b"{}", ["a", "c"]), tag_of(b"{}", ["ab"])]

    assert tag_of(b"{}", ["a", "b"]) == TAG
    assert TAG not in others
    assert TAG[0] == TAG[-1] == '"'


@pytest.mark.parametrize("named", [TAG, f"W/{TAG}", f'"x", {TAG}', "*"])
def test_a_tag_is_found_among_those_that_a_client_names(named):
    assert same_tag(TAG, named)
    answer = tagged(b"{}", TAG, "application/json", named)
    assert (answer.status_code, answer.body, answer.headers["etag"]) == (304, b"", TAG)


@pytest.mark.parametrize("named", [None, "", '"x"', TAG.strip('"')])
def test_another_tag_gets_the_body(named):
    answer = tagged(b"{}", TAG, "application/json", named)

    assert (answer.status_code, answer.body, answer.headers["etag"]) == (200, b"{}", TAG)
    assert answer.headers["cache-control"] == "private, no-cache"
