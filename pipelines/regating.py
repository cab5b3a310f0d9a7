"""Run the whole gate again on a registered version, against the champion of this moment."""

from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from data_checks.admissions import load_admitted
from forecasting.climate.candidate import Trial
from forecasting.climate.gate import Verdict
from forecasting.climate.windows import Blocks, WindowSpec
from forecasting.errors import PromotionRefused
from forecasting.settings import Settings
from forecasting.stores.published import GRAPH, read_card
from forecasting.stores.registry.versions import Version, fetch
from forecasting.stores.stations import read_station
from forecasting.training.machine import one_thread
from pipelines import chronicle
from pipelines.deciding import Decision
from pipelines.explaining import log_explanation
from pipelines.judging import judge_against_champion
from pipelines.promotion import promote_version, tag_decision
from pipelines.recording import log_verdict, metrics_json, verdict_json
from pipelines.soundness import require_own_model


def promote_again(
    settings: Settings, client: MlflowClient, version: Version, scratch: Path
) -> dict[str, Any]:
    """Judge a version on the station's newest admitted data; promote or propose what passes.

    Raises:
        PromotionRefused: the version may never be champion, or has seen the gate's rows.
        DataUnchecked: the station's data carries no accepting verdict.
        ManifestMismatch, ModelOutputInvalid: the version's files will not do.
        ChampionMoved: another version was promoted since the judgement.
    """
    one_thread()
    files = fetch(client, version.model, version.version, scratch)
    card = read_card(files)
    require_own_model(card, version.model)
    data_sha256 = read_station(settings.root, card.station).data_of(card.target)
    series = load_admitted(settings.root, data_sha256)
    window = WindowSpec(history=card.history, horizon=card.horizon)
    trial = Trial(
        series=series,
        window=window,
        blocks=Blocks.of(len(series), window),
        levels=card.levels,
    )
    if card.trained_through > trial.trained_through:
        raise PromotionRefused(
            f"{version.name} was trained on rows of the gate block",
            expected=f"trained through {trial.trained_through} at the latest",
            found=card.trained_through,
        )
    champion, verdict = judge_against_champion(
        settings,
        trial,
        version.model,
        files / GRAPH,
        itself=version.version,
        trained_through=card.trained_through,
    )
    about = chronicle.carded_as(card, champion)
    decision = (
        promote_version(
            settings, version, verdict, champion, chronicle.drafting(version.run_id, about)
        )
        if verdict.promoted
        else _refused(version, verdict, champion)
    )
    # The newer verdict stands where the first one stood: the version's tags and its run.
    tag_decision(client, decision)
    log_verdict(client, version.run_id, decision.verdict)
    chronicle.keep(settings, decision, version.run_id, about)
    if verdict.promoted:
        log_explanation(settings, version.run_id, files, series)
    return {
        "model": version.model,
        "version": version.version,
        "promoted": decision.promoted,
        "proposed": decision.proposed,
        "verdict": verdict_json(decision.verdict),
        "metrics": metrics_json(verdict),
    }


def _refused(version: Version, verdict: Verdict, champion: int | None) -> Decision:
    return Decision(
        model=version.model,
        version=version.version,
        promoted=False,
        verdict=verdict,
        judged_against=champion,
    )
