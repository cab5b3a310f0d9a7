"""The verbs `backup` and `restore`: copy a home whole, and put it back at whichever place."""

from dataclasses import asdict
from pathlib import Path

from forecasting.settings import load_settings
from pipelines.commands.output import print_json, print_line
from pipelines.operations.backup import BackedUp, back_up
from pipelines.operations.backup import restore as put_back


def backup(target: Path, *, json: bool = False) -> None:
    """Copy stores, data and artifacts together into a new folder, with a sum of every file.

    No champion moves meanwhile; forecasts and trainings go on.

    Args:
        target: a folder that is absent or empty.
        json: print one JSON object.
    """
    _tell(back_up(load_settings(), target.expanduser().resolve()), "backed up", json=json)


def restore(source: Path, *, json: bool = False) -> None:
    """Put a backup back into an empty home, at whichever place, after verifying every byte.

    Args:
        source: the folder of a backup.
        json: print one JSON object.
    """
    _tell(put_back(load_settings(), source.expanduser().resolve()), "restored", json=json)


def _tell(done: BackedUp, word: str, *, json: bool) -> None:
    if json:
        print_json(asdict(done))
    else:
        print_line(f"{word}: {done.files} files, {done.bytes} bytes, as of {done.made}")
        print_line(done.place)
