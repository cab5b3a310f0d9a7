"""Say how the API listens, watches and limits; on top of where things are kept."""

from ipaddress import ip_address
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationError

from forecasting.errors import SettingsInvalid
from forecasting.settings import UNSHOWN, Settings

#: How a browser on this machine names it.
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")

#: Requests that a key, or an address without one, may send where anybody can reach the service.
PUBLIC_RATE: Final = "600/minute"


class ServingSettings(Settings):
    """The settings of the API process; same precedence as all others."""

    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8000, ge=0, le=65_535, description="port the API listens on; 0 takes any")
    poll_seconds: float = Field(
        0.5, gt=0, le=1, description="pause between two looks at the published pointers"
    )
    body_bytes: int = Field(2 * 2**20, gt=0, description="most bytes a request's body may have")
    serving_workers: int = Field(1, ge=1, le=64, description="processes that share the port")
    start_seconds: float = Field(
        10.0,
        ge=0,
        le=600,
        description="longest wait for the first look at what is published before listening",
    )
    request_seconds: float = Field(
        20.0, gt=0, le=600, description="time in which a request must have arrived whole"
    )
    forecast_seconds: float = Field(
        10.0, gt=0, le=600, description="time that one forecast may take, waiting included"
    )
    forecast_places: int = Field(
        64, ge=1, le=4096, description="forecasts that are in work or waiting at a time"
    )
    forecast_threads: int = Field(1, ge=1, le=64, description="threads that run the graphs")
    drain_seconds: float = Field(
        2.0,
        ge=0,
        le=300,
        description="time between SIGTERM and the end of listening, for a proxy to move on",
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="names that a request's Host may have; unset: those of this machine where the "
        "API listens on loopback, any elsewhere",
    )
    anonymous: bool | None = Field(
        None, description="answer without a key; unset: only where the API listens on loopback"
    )
    keys_uri: SecretStr | None = Field(
        None,
        description="PostgreSQL that keeps the API's keys for all replicas; unset: a file under "
        "the home folder",
    )
    rate: str | None = Field(
        None,
        description=f"requests a key or an address may send, or `none`; unset: {PUBLIC_RATE}, and "
        "none on loopback",
    )
    rate_storage: str = Field(
        "memory://", description="where requests are counted: in each process, or redis://…"
    )
    access_log: bool = Field(default=True, description="log every request but health checks")
    telemetry: bool = Field(
        default=False,
        description="send traces as the OTEL_ variables say; needs the extra otel",
    )
    text_seconds: float = Field(
        20.0, gt=0, le=600, description="time that one text may take to be written or scored"
    )
    text_places: int = Field(
        4, ge=1, le=64, description="texts that are written or scored at a time"
    )
    mlflow_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s]+$",
        description="address of MLflow's own pages, which the page links to",
    )
    rich_charts: bool = Field(
        default=True, description="have Vega-Lite written once, for charts that answer the pointer"
    )
    heal: bool = Field(
        default=True, description="reconcile the pointers with the registry when it has changed"
    )
    cache: Path | None = Field(
        None, description="local folder with copies of what is live; for a home that can go away"
    )
    webhook_secret: SecretStr | None = Field(
        None, min_length=16, description="what MLflow signs its webhook with; none takes no webhook"
    )

    @property
    def copies(self) -> Path | None:
        """The folder of the copies as an absolute path, or None."""
        return None if self.cache is None else self.cache.expanduser().resolve()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the API."""
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def hosts_in_force(self) -> frozenset[str]:
        """The names that a request's Host may have, in lower case; empty for any."""
        own = LOOPBACK_NAMES if self.loopback else ()
        return frozenset(name.lower() for name in self.hosts or own)

    @property
    def anonymous_in_force(self) -> bool:
        """Whether requests without a key are answered."""
        return self.loopback if self.anonymous is None else self.anonymous

    @property
    def rate_in_force(self) -> str | None:
        """How many requests one key or address may send; None for any number."""
        usual = None if self.loopback else PUBLIC_RATE
        chosen = usual if self.rate is None else self.rate
        return None if chosen is None or chosen.lower() == "none" else chosen


def load_serving_settings(**flags: object) -> ServingSettings:
    """Read the API's settings, flags first.

    Args:
        flags: values given on the command line; None means not given.

    Raises:
        SettingsInvalid: a value has the wrong type or range.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return ServingSettings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        found = None if where.endswith(UNSHOWN) else first["input"]
        raise SettingsInvalid(f"setting {where}: {first['msg']}", found=found) from None
