"""Have a short-lived child write Vega-Lite as one local file; pages do without it until then.

The child loads a whole JavaScript engine, which this process must never hold.
"""

import logging
import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from forecasting.stores.files import write_bytes
from serving.web.assets import Asset

logger = logging.getLogger(__name__)

PACKAGE: Final = "vl-convert-python"

#: Longest time that the child may take; it needs two seconds on an idle machine.
CHILD_SECONDS: Final = 120.0

#: All that our script uses: it hands over a specification and gets a view.
SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"


class ChartLibrary:
    """The chart library's file in a local folder, written once per version of the package.

    Args:
        root: the home folder, or that of the copies.
        enabled: whether it is wanted at all.
    """

    def __init__(self, root: Path, *, enabled: bool = True) -> None:
        version = _version() if enabled else None
        self._path = None if version is None else root / "web" / f"vega-{version}.js"
        self._asset: Asset | None = None
        self._lock = threading.Lock()
        self._asked = False

    @property
    def name(self) -> str | None:
        """The name under which a page may ask for it now; None until it is there."""
        if self._asset is None:
            self._find()
        if self._asset is None or self._path is None:
            return None
        return f"{self._path.stem}-{self._asset.short}.js"

    def asset(self, name: str) -> Asset | None:
        """Return the file if it is there under this very name."""
        return self._asset if self._asset is not None and name == self.name else None

    def _find(self) -> None:
        """Take the file if it is there; have it written, once, in the background, if not."""
        path = self._path
        if path is None:
            return
        if path.is_file():
            self._asset = Asset.of(path)
            return
        with self._lock:
            if not self._asked:
                self._asked = True
                threading.Thread(target=_have_written, args=(path,), daemon=True).start()


def _version() -> str | None:
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        return None


def _have_written(path: Path) -> None:
    """Run the child to its end; without it, the pages stay as they are."""
    command = (sys.executable, "-m", "serving.web.bundle", str(path))
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, capture_output=True, text=True, timeout=CHILD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("the chart library was not written: %s", error)
        return
    if done.returncode != 0:
        logger.warning("the chart library was not written: %s", done.stderr[-500:].strip())


def write_library(path: Path) -> None:
    """Write the library by rename, unless another child is at it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_suffix(".lock"), timeout=0):
            if not path.is_file():
                write_bytes(path, _library().encode())
    except Timeout:
        return


def _library() -> str:
    from vl_convert import javascript_bundle  # noqa: PLC0415 - a whole engine; in the child alone

    return javascript_bundle(SNIPPET)


if __name__ == "__main__":
    write_library(Path(sys.argv[1]))
