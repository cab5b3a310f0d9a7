import json
from datetime import date

import pytest

from forecasting.errors import VersionUnknown
from forecasting.stores.published import GRAPH, WEIGHTS
from forecasting.stores.registry.versions import Registration, connect, register
from pipelines import tracking
from pipelines.commands.explain import explain


@pytest.fixture
def champion(known, small_run, make):
    """Make the trained candidate the champion of the test's own home; returns the home."""
    client = connect(known.settings)
    experiment = tracking.experiment_of(client, known.settings, "climate-oslo")
    files = small_run.work.folder / small_run.judgement.cell
    number = register(
        client,
        graph=files / GRAPH,
        weights=files / WEIGHTS,
        card=make.card(run_id=client.create_run(experiment).info.run_id),
        registration=Registration(description="", tags={}),
    )
    client.set_registered_model_alias("climate-oslo", "champion", str(number))
    return known.settings.root


def test_a_champion_is_explained_in_json_with_its_figure_beside(champion, capsys, tmp_path):
    out = tmp_path / "why.png"

    explain("oslo", date=date(2012, 12, 31), out=out, json=True)

    said = json.loads(capsys.readouterr().out)
    assert (said["model"], said["version"]) == ("climate-oslo", 1)
    assert (said["station"], said["origin"], said["figure"]) == ("oslo", "2012-12-31", str(out))
    assert out.read_bytes().startswith(b"\x89PNG")
    assert not (champion / "explanations").exists()


def test_a_person_reads_shares_and_memory_and_where_the_figure_is(champion, capsys):
    explain("climate-oslo/1")

    [figure] = (champion / "explanations").iterdir()
    assert figure.name == "climate-oslo-1-2013-04-04.png"
    out = capsys.readouterr().out
    assert "wind_speed_10m_mean" in out
    assert "reaches back" in out
    assert str(figure) in out


@pytest.mark.usefixtures("settings")
def test_a_station_without_a_champion_is_refused():
    with pytest.raises(VersionUnknown):
        explain("oslo")
