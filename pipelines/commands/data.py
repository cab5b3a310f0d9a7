"""The verbs `data list` and `data pull`: which datasets are known, and what has been landed."""

import hashlib
from collections.abc import Sequence

from data_checks.declaration import Dataset
from forecasting.settings import load_settings
from pipelines.catalogue import find_parts, shipped_datasets
from pipelines.commands.output import Files, print_json, print_line, print_table, progress
from pipelines.sources.landing import RawFile, land, landed, require_told_apart, shared_source


def list_datasets(*, json: bool = False) -> None:
    """List the datasets that come with the program, and what of them has been landed.

    Args:
        json: print one JSON object.
    """
    settings = load_settings()
    files = landed(settings.root)
    newest = {file.dataset: file for file in files}
    entries = [
        describe(dataset, [newest[dataset.name]] if dataset.name in newest else [])
        for dataset in shipped_datasets()
    ]
    if json:
        print_json({"datasets": entries})
        return
    columns = ("name", "title", "source", "licence", "rows", "start", "end")
    print_table("Datasets", columns, [[entry[column] for column in columns] for entry in entries])


def pull(name: str, *, csv: Files = None, json: bool = False) -> None:
    """Land a dataset's raw files: read once, kept unchanged under their own SHA-256.

    Args:
        name: a shipped dataset, or the path of a dataset's TOML file, whose stations' sources
            are landed one after the other.
        csv: local files to take instead of the declared source.
        json: print one JSON object.
    """
    parts = find_parts(name)
    require_told_apart(parts, csv or ())
    dataset = parts[0]
    files: dict[str, Sequence[RawFile]] = {}
    with progress(f"landing {dataset.name}"):
        for part in parts:
            if shared_source(part) not in files:
                files[shared_source(part)] = land(part, load_settings(), csv or ())
    _show(dataset, list(dict.fromkeys(file for each in files.values() for file in each)), json=json)


def _show(dataset: Dataset, files: Sequence[RawFile], *, json: bool) -> None:
    entry = describe(dataset, files)
    if json:
        print_json({**entry, "files": [_file(file) for file in files]})
        return
    print_table(
        f"{dataset.name}: {entry['rows']} rows, {entry['start']} to {entry['end']}",
        ("rows", "from", "landed as"),
        [(file.rows, file.source, file.path) for file in files],
    )
    print_line(f"licence: {dataset.licence}")


def describe(dataset: Dataset, files: Sequence[RawFile]) -> dict[str, object]:
    """Return what is known of a dataset and of its landed files.

    `sha256` is that of the one file; of several, the SHA-256 of their sums, one a line, in
    order. What only a landed file can tell is None without one.
    """
    return {
        "name": dataset.name,
        "title": dataset.title or dataset.name,
        "source": dataset.source.kind,
        "target": dataset.target,
        "targets": list(dataset.every_target),
        "licence": dataset.licence,
        "attribution": dataset.attribution,
        "sha256": _sum(files),
        "rows": sum(file.rows for file in files) if files else None,
        "start": min((file.start for file in files), default=None),
        "end": max((file.end for file in files), default=None),
    }


def _sum(files: Sequence[RawFile]) -> str | None:
    if len(files) <= 1:
        return files[0].sha256 if files else None
    return hashlib.sha256("\n".join(file.sha256 for file in files).encode()).hexdigest()


def _file(file: RawFile) -> dict[str, object]:
    return {
        "path": str(file.path),
        "sha256": file.sha256,
        "source": file.source,
        "rows": file.rows,
        "start": file.start,
        "end": file.end,
        "fetched_at": file.fetched_at.isoformat(),
    }
