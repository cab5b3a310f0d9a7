"""Have the keys in memory, in step with where they are kept."""

import logging
from collections.abc import Mapping

from forecasting.stores.postgres import DatabaseUnavailable
from serving.keys import Key, KeysDamaged, KeyStore

logger = logging.getLogger(__name__)


class KeyRing:
    """The last known keys; what cannot be read leaves them in force, each up to its own end.

    An outage of the database is no outage of the service: a key that was good goes on, one that
    ends does so on time, and a revocation made meanwhile takes hold when the database is back.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._reading = True
        self.keys: Mapping[str, Key] = {}
        #: Whether they have been read at least once: before that every key would be refused.
        self.known = False

    def close(self) -> None:
        """Let go of what is kept open to read them."""
        self._store.close()

    def refresh(self) -> None:
        """Read them again if they have changed; a failure is logged once, until it is over."""
        try:
            self.keys = self._store.fresh(self.keys)
        except (OSError, KeysDamaged, DatabaseUnavailable) as error:
            if self._reading:
                logger.warning("the keys were not read, the earlier ones stay: %s", error)
            self._reading = False
        else:
            self._reading = self.known = True
