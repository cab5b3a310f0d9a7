"""Say where things are kept: one home folder, and what may be moved out of it."""

import os
import re
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from forecasting.errors import SettingsInvalid

#: Endings of settings that are, or may hold, a secret: what they were set to is never shown.
UNSHOWN: Final = ("_uri", "_secret", "_storage", "_url")

#: The variable by which a process knows that it was started for one run of a deployment. A work
#: pool's run starts in a folder that is removed at its end, and a relative home in it would be too.
CARRIED: Final = "PREFECT__FLOW_RUN_ID"


class Settings(BaseSettings):
    """Where everything the program writes lives, and how it meets other programs.

    Precedence: flag, then environment (`GATECAST_…`), then `gatecast.toml` in the
    current folder, then the default here.
    """

    model_config = SettingsConfigDict(
        env_prefix="GATECAST_", toml_file="gatecast.toml", extra="ignore", frozen=True
    )

    home: Path = Field(Path("var"), description="folder that holds all that is written")
    tracking_uri: str | None = Field(
        None, description="MLflow store; SQLite under the home folder when unset"
    )
    lock_uri: SecretStr | None = Field(
        None,
        description="PostgreSQL that keeps the locks where several machines work; unset: "
        "tracking_uri where that is PostgreSQL, else files under the home folder",
    )
    url_hosts: tuple[str, ...] = Field(
        (
            "raw.githubusercontent.com",
            "archive-api.open-meteo.com",
            "www.ncei.noaa.gov",
            "d2l-data.s3-accelerate.amazonaws.com",
        ),
        description="hosts that an https source may name",
    )
    fetch_deadline_seconds: float = Field(
        120.0, gt=0, description="total time one download may take, retries included"
    )
    fetch_bytes: int = Field(256 * 2**20, gt=0, description="most bytes one download may have")
    workers: int = Field(2, ge=1, le=64, description="candidates trained side by side")
    compute: Literal["processes", "dask"] = Field(
        "processes", description="where trainings and surveys are done: here, or on a Dask"
    )
    dask_address: str | None = Field(
        None, description="scheduler of the Dask: tls://host:8786, or tcp:// on loopback"
    )
    dask_ca: Path | None = Field(None, description="certificate that signed those of the Dask")
    dask_cert: Path | None = Field(None, description="certificate with which we meet the Dask")
    dask_key: Path | None = Field(None, description="key of that certificate")
    champion_days: float = Field(
        90.0, gt=0, description="age in days at which a champion that nobody judged again is stale"
    )
    keep_versions: int = Field(10, ge=1, description="newest versions of a model that are kept")
    keep_days: float = Field(90.0, gt=0, description="age in days below which nothing is pruned")
    two_pairs_of_eyes: bool = Field(
        default=False, description="the gate only proposes, and a person's approval promotes"
    )

    @field_validator("tracking_uri")
    @classmethod
    def _empty_is_unset(cls, value: str | None) -> str | None:
        """Take an empty address, as `GATECAST_TRACKING_URI=` gives it, for none."""
        return value or None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the hook's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put flags before the environment and the environment before the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def root(self) -> Path:
        """The home folder as an absolute path."""
        return self.home.expanduser().resolve()

    @property
    def tracking(self) -> str:
        """The MLflow tracking address in force."""
        return self.tracking_uri or f"sqlite:///{self.root / 'mlflow' / 'mlflow.db'}"

    @property
    def lock_address(self) -> str | None:
        """The PostgreSQL database that keeps the locks; None where files do."""
        if self.lock_uri is not None and self.lock_uri.get_secret_value():
            return self.lock_uri.get_secret_value()
        tracked = self.tracking_uri or ""
        return tracked if tracked.startswith("postgresql") else None


def without_password(address: str) -> str:
    """Return an address as it may be shown.

    >>> without_password("https://ann:secret@example.org/api")
    'https://example.org/api'
    """
    return re.sub("//[^/]*@", "//", address)


def load_settings(**flags: object) -> Settings:
    """Read the settings, flags first.

    Args:
        flags: values given on the command line; None means not given.

    Raises:
        SettingsInvalid: a value has the wrong type or range, the file is no TOML, or a
            deployment's run would keep its home where it was started.
    """
    settings = read_settings(**flags)
    if os.environ.get(CARRIED) and not settings.home.expanduser().is_absolute():
        raise SettingsInvalid(
            "setting home: a deployment's run may start in a folder that is removed at its end",
            expected="an absolute path in GATECAST_HOME",
            found=settings.home,
        )
    return settings


def read_settings(**flags: object) -> Settings:
    """Read the settings wherever the home may lie: an import must not refuse what its flow says.

    Args:
        flags: as for `load_settings`.

    Raises:
        SettingsInvalid: a value has the wrong type or range, or the file is no TOML.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except TOMLDecodeError as error:
        raise SettingsInvalid("gatecast.toml cannot be read", found=str(error)) from error
    except SettingsError as error:
        raise SettingsInvalid(f"a setting cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        # Without the cause, and without what may be secret: both would repeat it.
        found = None if where.endswith(UNSHOWN) else first["input"]
        raise SettingsInvalid(f"setting {where}: {first['msg']}", found=found) from None
