"""Say how the API listens, watches and limits; on top of where things are kept."""

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError

from forecasting.errors import SettingsInvalid
from forecasting.settings import Settings


class ServingSettings(Settings):
    """The settings of the API process; same precedence as all others."""

    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8000, ge=0, le=65_535, description="port the API listens on; 0 takes any")
    poll_seconds: float = Field(
        0.5, gt=0, le=1, description="pause between two looks at the published pointers"
    )
    body_bytes: int = Field(2 * 2**20, gt=0, description="most bytes a request's body may have")
    text_seconds: float = Field(
        20.0, gt=0, le=600, description="time that one text may take to be written or scored"
    )
    text_places: int = Field(
        4, ge=1, le=64, description="texts that are written or scored at a time"
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
        raise SettingsInvalid(f"setting {where}: {first['msg']}", found=first["input"]) from error
