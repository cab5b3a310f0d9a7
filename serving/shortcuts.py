"""Answer a question that was asked before in the same words without reading the words again."""

from typing import Final

from starlette.types import Scope

from serving.kept import MOST_BYTES, Answers, Kept
from serving.tags import CACHE_CONTROL, same_tag

#: Where questions come in; the label of the metrics and of the log as well.
ROUTE: Final = "/v1/forecast"

#: Most spellings remembered, and the longest one.
MOST: Final = 4096
LONGEST: Final = 1024

#: Status, headers and body.
Answered = tuple[int, list[tuple[bytes, bytes]], bytes]


class Shortcuts:
    """Kept answers by the raw words of their question, for as long as they are current.

    Reading a query, checking it and choosing among its words costs several times what sending
    a kept answer does, and says the same thing every time. Used from the event loop alone.

    Args:
        answers: the kept answers, which know whether one is current.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._known: dict[bytes, tuple[Kept, list[tuple[bytes, bytes]]]] = {}
        self._bytes = 0

    def remember(self, question: bytes, kept: Kept) -> None:
        """Note what a query's words, which were valid, were answered."""
        if len(question) > LONGEST:
            return
        self._forget(question)
        self._bytes += len(kept.body)
        # Answers that nobody else keeps any more would be kept here.
        if len(self._known) >= MOST or self._bytes > MOST_BYTES:
            self._known, self._bytes = {}, len(kept.body)
        headers = [
            (b"etag", kept.tag.encode()),
            (b"cache-control", CACHE_CONTROL.encode()),
            (b"content-type", kept.media_type.encode()),
            (b"content-length", str(len(kept.body)).encode()),
        ]
        self._known[question] = (kept, headers)

    def find(self, scope: Scope) -> Answered | None:
        """Return the whole answer to a request, or None where the route must answer."""
        if scope["path"] != ROUTE or scope["method"] != "GET":
            return None
        known = self._known.get(scope["query_string"])
        if known is None:
            return None
        kept, headers = known
        if not self._answers.current(kept):
            self._forget(scope["query_string"])
            return None
        wanted = [value for name, value in scope["headers"] if name == b"if-none-match"]
        if wanted and same_tag(kept.tag, b", ".join(wanted).decode("latin-1")):
            return 304, headers[:2], b""
        return 200, headers, kept.body

    def _forget(self, question: bytes) -> None:
        known = self._known.pop(question, None)
        if known is not None:
            self._bytes -= len(known[0].body)
