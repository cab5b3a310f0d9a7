"""Read the whole of what the store lists: it gives a page at a time, however much is asked for."""

from collections.abc import Callable
from typing import Any, Final

#: Entries a page: the most that the store gives of registered models.
PAGE: Final = 1000


def every(search: Callable[..., Any], *wanted: object) -> list[Any]:
    """Return all entries that a search of MLflow's client finds, page after page.

    An entry that is removed while pages are read moves the later ones up, and one of them may be
    missed: what must not be overlooked is asked for by name as well.

    Args:
        search: a method of the client that takes `max_results` and `page_token`.
        wanted: what else it takes, by place.
    """
    found: list[Any] = []
    token: str | None = None
    while True:
        page = search(*wanted, max_results=PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
