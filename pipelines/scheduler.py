"""Meet a Dask's scheduler: at an address that nobody else can listen to, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from forecasting.errors import GatecastError, SettingsInvalid
from forecasting.settings import Settings


class SchedulerUnavailable(GatecastError):
    """The Dask of the settings is not there, or went away."""

    code = "SCHEDULER_UNAVAILABLE"


def require_address(settings: Settings) -> str:
    """Return the scheduler's address, which is encrypted unless nobody else can reach it.

    Raises:
        SettingsInvalid: it is missing or plain, or a certificate is missing.
    """
    address = settings.dask_address
    parts = urlsplit(address or "")
    if address is None or parts.scheme not in {"tcp", "tls"} or not parts.hostname:
        raise SettingsInvalid(
            "setting dask_address names no scheduler", expected="tls://host:8786", found=address
        )
    if parts.scheme == "tcp" and not _loopback(parts.hostname):
        # Whoever reaches a scheduler has its workers run any code.
        raise SettingsInvalid(
            "setting dask_address is open to a network", expected="tls://…", found=address
        )
    files = (settings.dask_ca, settings.dask_cert, settings.dask_key)
    missing = [str(path) for path in files if path is None or not path.is_file()]
    if parts.scheme == "tls" and missing:
        raise SettingsInvalid(
            "Dask's certificates cannot be read",
            expected="files at dask_ca, dask_cert and dask_key",
            found=", ".join(missing),
        )
    return address


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def needing_dask() -> Iterator[None]:
    """Name the extra where Dask is imported and is not there.

    Raises:
        SettingsInvalid: it is not installed.
    """
    try:
        yield
    except ImportError as error:
        raise SettingsInvalid(
            "setting compute: Dask is not installed",
            expected="pip install 'gatecast[dask]'",
            found=type(error).__name__,
        ) from error


def security(settings: Settings) -> dict[str, Any]:
    """Return how a client meets the scheduler: with certificates where the address asks for it."""
    if not (settings.dask_address or "").startswith("tls://"):
        return {}
    from distributed import Security  # noqa: PLC0415 - an extra, and slow to import

    ours = {"tls_client_cert": settings.dask_cert, "tls_client_key": settings.dask_key}
    files = {"tls_ca_file": settings.dask_ca, **ours}
    named = {name: str(path) for name, path in files.items()}
    return {"security": Security(require_encryption=True, **named)}


def meet(settings: Settings) -> Any:  # noqa: ANN401 - distributed is an extra
    """Open a client of the settings' scheduler; closing it leaves the scheduler and its workers.

    Raises:
        SettingsInvalid: the address is missing or open, or Dask is not installed.
        SchedulerUnavailable: nobody answers there, or not with these certificates.
    """
    address = require_address(settings)
    with needing_dask():
        from distributed import Client  # noqa: PLC0415 - as above
    try:
        return Client(address, **security(settings))
    except (OSError, TimeoutError) as error:
        raise SchedulerUnavailable(
            f"no Dask answers at {address}",
            expected="a scheduler, with certificates that it takes",
            found=type(error).__name__,
        ) from error
