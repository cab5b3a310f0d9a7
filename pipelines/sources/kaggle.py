"""Download files of a public Kaggle dataset through `kagglehub`, which is an extra."""

import importlib
from pathlib import Path
from types import ModuleType

from data_checks.origins import KaggleSource
from forecasting.errors import SourceUnavailable
from pipelines.sources.fetch import ConnectionPolicy, within
from pipelines.sources.local import read_file


def read_kaggle(source: KaggleSource, policy: ConnectionPolicy) -> tuple[bytes, ...]:
    """Download a dataset and read the declared files, in order.

    Raises:
        SourceUnavailable: `kagglehub` is not installed, the download failed or took longer
            than the policy's deadline, or a declared file is not in it.
        SourceTooLarge: a file is larger than the policy takes.
    """
    kagglehub = _kagglehub(source)
    try:
        folder = within(
            policy.deadline_seconds, lambda: Path(kagglehub.dataset_download(source.dataset))
        )
    # What kagglehub raises derives from these two: requests' errors are OSError.
    except (OSError, ValueError) as error:
        raise SourceUnavailable(
            f"Kaggle did not give {source.dataset}",
            expected=f"the dataset within {policy.deadline_seconds:g} seconds",
            found=f"{type(error).__name__}: {error}"[:200],
        ) from error
    return tuple(read_file(folder / file, most_bytes=policy.most_bytes) for file in source.files)


def _kagglehub(source: KaggleSource) -> ModuleType:
    try:
        return importlib.import_module("kagglehub")
    except ModuleNotFoundError as error:
        raise SourceUnavailable(
            f"{source.dataset} comes from Kaggle, which needs the extra kagglehub; "
            f"or download {' and '.join(source.files)} and name them with --csv",
            expected="pip install 'gatecast[kaggle]'",
            found="kagglehub is not installed",
        ) from error
