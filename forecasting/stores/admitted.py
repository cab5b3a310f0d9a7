"""Name where an admitted series lies with the verdict that let it in; read the verdict alone."""

import json
import re
from pathlib import Path
from typing import Any, Final

from forecasting.errors import DataUnchecked

SERIES: Final = "series.npz"
VERDICT: Final = "verdict.json"

DIGEST = re.compile(r"[0-9a-f]{64}")


def admitted_folder(root: Path, data_sha256: str) -> Path:
    """Return the folder of a data version.

    Raises:
        DataUnchecked: it is not named by a SHA-256.
    """
    if DIGEST.fullmatch(data_sha256) is None:
        raise DataUnchecked(
            "not a data version", expected="64 hexadecimal digits", found=data_sha256[:80]
        )
    return root / "admitted" / data_sha256


def read_verdict(root: Path, data_sha256: str) -> dict[str, Any]:
    """Read the verdict on a data version, as the checks wrote it.

    Raises:
        DataUnchecked: there is none, or it cannot be read.
    """
    path = admitted_folder(root, data_sha256) / VERDICT
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise DataUnchecked(
            "the data has no verdict", expected=f"a verdict for {data_sha256}", found="none"
        ) from error
    except ValueError as error:
        raise DataUnchecked("the verdict cannot be read", found=error) from error
    if not isinstance(content, dict):
        raise DataUnchecked("the verdict cannot be read", found=type(content).__name__)
    return content
