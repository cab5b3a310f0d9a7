"""Say where candidates are trained: side by side on this machine, or on the workers of a Dask."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from forecasting.errors import SettingsInvalid
from forecasting.settings import Settings


def task_runner(settings: Settings) -> TaskRunner[Any]:
    """Return what Prefect hands the trainings to; each is a process of its own either way.

    Raises:
        SettingsInvalid: Dask is asked for without its address, its certificates or its extra.
    """
    if settings.compute == "processes":
        return ThreadPoolTaskRunner(max_workers=settings.workers)
    address = require_address(settings)
    try:
        from pipelines.spread import SpreadTaskRunner, security  # noqa: PLC0415 - a second of Dask
    except ImportError as error:
        raise SettingsInvalid(
            "setting compute: Dask is not installed",
            expected="pip install 'gatecast[dask]'",
            found=type(error).__name__,
        ) from error
    return SpreadTaskRunner(address=address, client_kwargs=security(settings))


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
