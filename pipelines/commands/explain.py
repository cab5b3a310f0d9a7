"""The verb `explain`: what the gates did for a forecast, and what it was made from."""

from datetime import date as calendar_date
from pathlib import Path
from typing import TYPE_CHECKING

from forecasting.settings import load_settings
from forecasting.stores.files import write_bytes
from pipelines.commands.output import print_json, print_line, print_table, progress
from pipelines.environment import prepare

if TYPE_CHECKING:
    from forecasting.climate.explain import Explanation
    from forecasting.stores.registry.versions import Version


def explain(
    name: str = "seattle",
    *,
    date: calendar_date | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Explain a forecast: gates over the history, memory, each variable's and day's share.

    Args:
        name: a station, a model (`climate-seattle`), or a version (`climate-seattle/3`).
        date: the forecast's last observed day; the last admitted one when left out.
        out: the figure's PNG file; under `explanations/` in the home folder when left out.
        json: print one JSON object.

    Raises:
        VersionUnknown: there is no such model or version, or no champion.
        WindowError: the day has no whole history.
        ModelInvalid: the version cannot be explained.
    """
    settings = load_settings()
    prepare(settings)
    from forecasting.stores.registry.versions import connect  # noqa: PLC0415 - MLflow, torch
    from pipelines.explaining import explain_version, explanation_json, find_version, png  # noqa: PLC0415 - MLflow, torch

    with progress("explaining"):
        client = connect(settings)
        version = find_version(client, name)
        explanation = explain_version(settings, client, version, date)
        figure = settings.root / "explanations" / _file_name(version, explanation)
        figure = figure if out is None else out.expanduser().resolve()
        write_bytes(figure, png(explanation))
    if json:
        named = {"model": version.model, "version": version.version, "figure": str(figure)}
        print_json({**named, **explanation_json(explanation)})
    else:
        print_explanation(explanation)
        print_line(f"{version.name} after {explanation.labels[-1]}; figure: {figure}")


def _file_name(version: "Version", explanation: "Explanation") -> str:
    when = explanation.labels[-1].replace(":", "")
    return f"{version.model}-{version.version}-{when}.png"


def print_explanation(explanation: "Explanation") -> None:
    """Print the shares by both methods, and how far each member's memory reaches."""
    attribution = explanation.to_json()["attribution"]
    methods = ("occlusion", "integrated_gradients")
    columns = ("", "occlusion", "integrated gradients")
    for title, key in (
        ("Share of each variable", "share_by_variable"),
        ("Share by steps back", "share_by_steps_back"),
    ):
        shares = [attribution[method][key] for method in methods]
        rows = [(each, *(f"{100 * share[each]:.1f} %" for share in shares)) for each in shares[0]]
        print_table(title, columns, rows)
    rows = [
        (f"{each.cell}, {each.view}", f"{each.mean:.1f}", f"{each.least:.1f}", f"{each.most:.1f}")
        for each in explanation.gating.memory
    ]
    print_table("How many steps the memory reaches back", ("member", "mean", "least", "most"), rows)
