"""Every answer carries an id: the client's where it is plain, else a new one."""

import pytest


def test_every_answer_carries_an_id_of_its_own(client):
    answers = [client.get(path) for path in ("/healthz", "/healthz", "/nowhere", "/docs")]

    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 4


def test_a_plain_id_of_the_client_is_kept(client):
    answer = client.get("/healthz", headers={"X-Request-Id": "retrain-2015.12_31"})

    assert answer.headers.get_list("x-request-id") == ["retrain-2015.12_31"]


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, '"}', "é".encode()])
def test_an_id_that_is_not_fit_for_a_log_is_replaced(client, given):
    answer = client.get("/healthz", headers={"X-Request-Id": given})

    assert len(answer.headers["x-request-id"]) == 16
