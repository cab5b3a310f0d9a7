"""Read what a search of MLflow's finds to its end, however many pages that takes."""

from collections.abc import Callable
from typing import Any

#: Most entries that MLflow gives in one answer.
PAGE = 1000


def every(search: Callable[..., Any], *asked: object) -> list[Any]:
    """Return all that a search finds: whoever reads one page takes the rest for not there.

    Args:
        search: a search of the client's that takes `max_results` and `page_token`.
        asked: what it is asked, in the order in which it takes it.
    """
    found: list[Any] = []
    token = None
    while True:
        page = search(*asked, max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
