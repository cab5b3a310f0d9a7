"""An answer leaves in one piece, whoever writes it in several, and nothing of it is kept back."""

import asyncio

import pytest

from serving.one_write import OneWrite

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Sent(asyncio.Transport):
    """Remembers what is written to it, each write by itself."""

    def __init__(self):
        super().__init__()
        self.writes, self.closing, self.aborted = [], False, False

    def write(self, data):
        self.writes.append(bytes(data))

    def close(self):
        self.closing = True

    def abort(self):
        self.closing = self.aborted = True

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return 100


def written(work):
    """Do something to a `OneWrite` in one turn of a loop; returns what had been sent, and when."""

    async def run():
        sent = Sent()
        work(OneWrite(sent, asyncio.get_running_loop()))
        at_once = list(sent.writes)
        await asyncio.sleep(0)
        return sent, at_once

    return asyncio.run(run())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_head_and_body_are_one_write(kind):
    def answer(out):
        out.write(HEAD)
        out.write(kind(b"{}"))
        out.write(b"more")

    sent, at_once = written(answer)

    assert at_once == sent.writes == [HEAD + b"{}", b"more"]


def test_a_head_alone_leaves_at_the_end_of_the_turn():
    sent, at_once = written(lambda out: out.write(HEAD))

    assert (at_once, sent.writes) == ([], [HEAD])


def test_what_was_whole_before_is_not_kept():
    refusal = HEAD + b"{}"

    sent, at_once = written(lambda out: out.write(refusal))

    assert at_once == sent.writes == [refusal]


def test_two_heads_leave_in_their_order():
    def answer(out):
        out.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        out.write(HEAD)

    sent, _ = written(answer)

    assert b"".join(sent.writes) == b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD


def test_a_head_that_waits_is_sent_before_the_end_and_once():
    def answer(out):
        out.write(HEAD)
        assert out.get_write_buffer_size() == 100 + len(HEAD)
        out.close()

    sent, at_once = written(answer)

    assert at_once == sent.writes == [HEAD]
    assert sent.is_closing()


def test_nothing_is_sent_to_a_connection_that_is_dropped():
    def answer(out):
        out.write(HEAD)
        out.abort()

    sent, _ = written(answer)

    assert sent.writes == []
    assert sent.aborted
