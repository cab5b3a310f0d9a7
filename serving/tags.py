"""Tag a body so that a client can ask whether it is still the same, and answer 304 where it is."""

import hashlib
from collections.abc import Iterable
from typing import Final

from starlette.responses import Response

#: A client may keep an answer and must ask each time: a swap can come in any second.
CACHE_CONTROL: Final = "private, no-cache"


def tag_of(body: bytes, sources: Iterable[str]) -> str:
    """Return a strong tag of a body and of the versions and data that it was made from.

    Args:
        body: the bytes of the answer.
        sources: sums of manifests and of data.
    """
    digest = hashlib.sha256(body)
    for source in sources:
        digest.update(b"\0" + source.encode())
    return f'"{digest.hexdigest()[:32]}"'


def same_tag(tag: str, if_none_match: str | None) -> bool:
    """Say whether a client's `If-None-Match` names the tag, by the weak comparison of RFC 9110."""
    if if_none_match is None:
        return False
    named = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return tag in named or named == ["*"]


def tagged(body: bytes, tag: str, media_type: str, if_none_match: str | None) -> Response:
    """Return the body under its tag, or 304 without it where the client has it already."""
    headers = {"ETag": tag, "Cache-Control": CACHE_CONTROL}
    if same_tag(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
