"""Open a PostgreSQL database where a setting names one; psycopg is loaded by nobody else."""

import time
from typing import TYPE_CHECKING, Any, Final

from forecasting.errors import GatecastError, SettingsInvalid

if TYPE_CHECKING:
    from psycopg import Connection

#: Pauses between the tries to reach a database that restarts, in seconds.
PAUSES: Final = (0.5, 1.0, 2.0)

#: How we connect. Silent connections are asked about: a partner whose machine went away is noticed
#: within a minute, on either side.
SESSION: Final[dict[str, Any]] = {
    "application_name": "gatecast",
    "connect_timeout": 5,
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}

#: The same at the server's end; asked for once connected, since a pooler refuses it before.
THEIR_END: Final = (
    "SELECT set_config('tcp_keepalives_idle', '20', false),"
    " set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)


class DatabaseUnavailable(GatecastError):
    """The PostgreSQL database that a setting names does not answer."""

    code = "DATABASE_UNAVAILABLE"


def plain(address: str) -> str:
    """Return the address without SQLAlchemy's name of a driver.

    >>> plain("postgresql+psycopg://gatecast@db/mlflow")
    'postgresql://gatecast@db/mlflow'
    """
    scheme, separator, rest = address.partition("://")
    return scheme.partition("+")[0] + separator + rest


def is_postgres(address: str | None) -> bool:
    """Say whether an address is one of PostgreSQL.

    >>> is_postgres("postgresql+psycopg://db/mlflow"), is_postgres("http://mlflow:5000")
    (True, False)
    """
    return address is not None and plain(address).startswith(("postgresql://", "postgres://"))


def require_driver(address: str, setting: str) -> None:
    """Look whether an address can be used at all, before anybody waits for its database.

    Raises:
        SettingsInvalid: psycopg is not installed, or the address is none of PostgreSQL.
    """
    try:
        import psycopg  # noqa: PLC0415 - wanted only where a setting names a database
    except ImportError as error:
        raise SettingsInvalid(
            f"setting {setting} needs PostgreSQL's driver",
            expected="pip install 'gatecast[postgres]'",
            found=type(error).__name__,
        ) from error
    if not is_postgres(address):
        raise SettingsInvalid(f"setting {setting} is no database's", expected="postgresql://…")
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - as above

    try:
        make_conninfo(plain(address))
    except psycopg.ProgrammingError:
        # Without the cause: its words repeat the address, in which there may be a password.
        raise SettingsInvalid(
            f"setting {setting} cannot be read", expected="postgresql://…, a password with %xx"
        ) from None


def open_database(address: str, setting: str, pauses: tuple[float, ...] = PAUSES) -> Any:  # noqa: ANN401 - psycopg's connection
    """Open a connection on which each statement is its own transaction.

    Args:
        address: of the database, with or without a driver's name.
        setting: what the address is called in the settings.
        pauses: waits between tries, in seconds.

    Raises:
        SettingsInvalid: as `require_driver`, or the address cannot be read.
        DatabaseUnavailable: nobody answers there, or not us.
    """
    require_driver(address, setting)
    import psycopg  # noqa: PLC0415 - found just now

    waits = iter(pauses)
    while True:
        try:
            return _opened(plain(address))
        except psycopg.OperationalError as error:
            pause = next(waits, None)
            if pause is None:
                # Without its words: they name as a host what follows an @ in a password.
                raise DatabaseUnavailable(
                    f"the database of setting {setting} cannot be had",
                    found=error.sqlstate or "no answer",
                ) from None
            time.sleep(pause)


def _opened(address: str) -> "Connection[tuple[Any, ...]]":
    import psycopg  # noqa: PLC0415 - as above
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415 - as above

    connection = psycopg.connect(make_conninfo(address, **SESSION), autocommit=True)
    connection.execute(THEIR_END)
    return connection
