"""A declaration of several stations or targets is divided into ordinary datasets, or refused."""

import pytest

from data_checks.declaration import parse_dataset
from data_checks.parts import only, parse_parts
from forecasting.errors import DatasetInvalid

FJORD = """name = "fjord"
target = ["temperature_2m_mean", "wind_speed_10m_mean"]
source = { kind = "csv", paths = ["fjord.csv"] }
station_column = "place"
[stations.bergen]
label = "BGO"
latitude = 60.4
longitude = 5.3
timezone = "Europe/Oslo"
elevation = 12
[stations.voss]
latitude = 60.6
longitude = 6.4
timezone = "Europe/Oslo"
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
wind = { variable = "wind_speed_10m_mean", unit = "km/h" }
rain = { variable = "precipitation_sum", unit = "mm" }
"""
ONE = """name = "oslo"
target = "temperature_2m_mean"
source = { kind = "csv", paths = ["oslo.csv"] }
station = { latitude = 59.9, longitude = 10.7, timezone = "Europe/Oslo" }
[columns]
temp = { variable = "temperature_2m_mean", unit = "°C" }
wind = { variable = "wind_speed_10m_mean", unit = "km/h" }
"""
SHARED = 'source = { kind = "csv", paths = ["fjord.csv"] }\n'


def parse(*changes):
    text = FJORD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_parts(text, "fjord.toml")


def test_every_station_and_target_is_a_dataset_in_the_order_of_the_file():
    parts = parse()
    assert [(part.place.name, part.target) for part in parts] == [
        ("bergen", "temperature_2m_mean"),
        ("bergen", "wind_speed_10m_mean"),
        ("voss", "temperature_2m_mean"),
        ("voss", "wind_speed_10m_mean"),
    ]
    assert [part.part for part in parts][1] == "#bergen@wind_speed_10m_mean"
    assert [part.label for part in parts] == ["BGO", "BGO", "voss", "voss"]
    assert [part.place.elevation for part in parts] == [12, 12, None, None]
    assert all(part.pooled for part in parts)


def test_a_further_target_has_a_model_of_its_own_name():
    first, second, *_ = parse()
    assert (first.model, first.further_target) == ("climate-bergen", None)
    assert second.model == "climate-bergen--wind_speed_10m_mean"
    assert second.every_target == first.every_target == ("temperature_2m_mean", second.target)


def test_a_target_is_read_beside_all_variables_or_the_declared_ones_and_the_other_targets():
    every = [[variable.name for variable in part.variables] for part in parse()[:2]]
    declared = parse(("station_column", 'covariates = ["precipitation_sum"]\nstation_column'))
    chosen = [[variable.name for variable in part.variables] for part in declared[:2]]
    temp, wind, rain = "temperature_2m_mean", "wind_speed_10m_mean", "precipitation_sum"
    assert every == [[temp, wind, rain], [wind, temp, rain]]
    assert chosen == [[temp, rain, wind], [wind, rain, temp]]


def test_one_station_may_have_several_targets_and_keeps_the_datasets_name():
    listed = 'target = ["temperature_2m_mean", "wind_speed_10m_mean"]'
    parts = parse_parts(ONE.replace('target = "temperature_2m_mean"', listed), "oslo.toml")
    assert [part.part for part in parts] == ["@temperature_2m_mean", "@wind_speed_10m_mean"]
    assert {part.place.name for part in parts} == {"oslo"}
    assert not any(part.pooled for part in parts)


def test_one_target_in_a_list_and_one_station_in_a_table_are_an_ordinary_dataset():
    listed = ONE.replace('"temperature_2m_mean"\n', '["temperature_2m_mean"]\n', 1)
    tabled = ONE.replace("station = {", "stations.oslo = {")
    for text in (listed, tabled):
        [part] = parse_parts(text, "oslo.toml")
        plain = parse_dataset(ONE, "oslo.toml")
        assert part.model_copy(update={"targets": (), "station": plain.station}) == plain
        assert (part.part, part.model, part.place.name) == ("", "climate-oslo", "oslo")
    assert parse_parts(ONE, "oslo.toml") == (plain,)


def test_stations_may_have_files_of_their_own_and_need_no_column_then():
    own = parse(
        (SHARED, ""),
        ('station_column = "place"\n', ""),
        ('label = "BGO"\n', 'source = { kind = "csv", paths = ["bergen.csv"] }\n'),
        ("latitude = 60.6\n", 'latitude = 60.6\nsource = { kind = "csv", paths = ["v.csv"] }\n'),
    )
    assert [part.source.names() for part in own[::2]] == [("bergen.csv",), ("v.csv",)]


def test_the_archive_is_asked_by_position_for_every_station():
    archive = 'source = { kind = "open-meteo", start = 2020-01-01 }\n'
    own = parse(
        (SHARED, archive), ('station_column = "place"\n', ""), ('label = "BGO"\n', ""),
        ("km/h", "m/s"),
    )  # fmt: skip
    assert {part.licence for part in own} == {"CC-BY-4.0"}


def test_a_common_model_can_be_left_out():
    assert not any(
        part.pooled for part in parse(("station_column", "pooled = false\nstation_column"))
    )


@pytest.mark.parametrize(
    ("old", "new", "path", "expected"),
    [
        ('name = "fjord"', 'name = "fjord"\ncolour = "red"', "colour", "no such key"),
        ('name = "fjord"', 'name = "fjord"\ntargets = ["x"]', "targets", "no such key"),
        ('name = "fjord"', 'name = "fjord"\npart = "#x"', "part", "no such key"),
        ('label = "BGO"', 'name = "bergen"', "stations.bergen.name", "no such key"),
        ("latitude = 60.6\n", "", "stations.voss.latitude", "this key"),
        ("elevation = 12", "elevation = 9000", "stations.bergen.elevation", "8900"),
        ("[stations.voss]", "[stations.Voss]", "stations.Voss.[key]", "pattern"),
        ("[columns]", "[station]\nlatitude = 1\n[columns]", "station", "station or stations"),
        ('"wind_speed_10m_mean"]', '"temperature_2m_mean"]', "target", "each target once"),
        ('["temperature_2m_mean", "wind_speed_10m_mean"]', "[]", "target", "at least 1"),
        ('["temperature_2m_mean", "wind_speed_10m_mean"]', "7", "target", "array"),
        ('"wind_speed_10m_mean"]', '"snow"]', "the declaration", "among"),
        ('target = ["temperature_2m_mean", "wind_speed_10m_mean"]\n', "", "target", "this key"),
        (SHARED, "", "stations.bergen.source", "a source for all"),
        ('station_column = "place"\n', "", "stations.voss", "a station_column"),
        ('label = "BGO"', 'label = "voss"', "stations.voss.label", "another label than voss"),
        ('"place"', '"temp"', "the declaration", "station column temp beside the columns"),
        (SHARED, 'source = { kind = "open-meteo", start = 2020-01-01 }\n', "the declaration",
         "no station_column with an open-meteo source"),
        ("[stations.voss]", "[stations.vo--ss]", "the declaration", "without '--'"),
        ("[stations.voss]", f"[stations.{'v' * 38}]", "the declaration", "at most 64 letters"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused_with_path_and_expectation(old, new, path, expected):
    with pytest.raises(DatasetInvalid) as refusal:
        parse((old, new))
    assert f"fjord.toml: {path} cannot" in refusal.value.message
    assert expected in str(refusal.value.expected)


def test_a_common_source_beside_one_for_each_station_is_refused():
    own = 'source = { kind = "csv", paths = ["{}.csv"] }'
    with pytest.raises(DatasetInvalid, match="none beside a source for each station"):
        parse(
            ('label = "BGO"', own.replace("{}", "b")),
            ("latitude = 60.6", "latitude = 60.6\n" + own.replace("{}", "v")),
        )


def test_a_label_without_a_column_to_stand_in_is_refused():
    text = ONE.replace("latitude", 'label = "OSL", latitude', 1)
    with pytest.raises(DatasetInvalid, match="a station_column in which the label stands"):
        parse_parts(text, "oslo.toml")


@pytest.mark.parametrize("station", ["station = {", "stations.oslo = {"])
def test_one_station_is_no_pool(station):
    text = "pooled = true\n" + ONE.replace("station = {", station)
    with pytest.raises(DatasetInvalid, match="stations to be pooled; found one station"):
        parse_parts(text, "oslo.toml")


def test_a_name_that_stands_for_several_parts_is_refused_where_one_is_needed():
    parts = parse()
    assert only(parts[1:2], "x") is parts[1]
    with pytest.raises(DatasetInvalid, match="#voss@wind_speed_10m_mean"):
        only(parts, "fjord.toml")


def test_a_single_stations_name_must_leave_room_for_the_models(declare):
    with pytest.raises(DatasetInvalid, match="at most 64 letters, not climate-ooo"):
        parse_dataset(ONE.replace('"oslo"', f'"{"o" * 57}"'), "oslo.toml")
    assert declare().model == "climate-oslo"
