"""compose.yaml holds against its schema, the settings, what it mounts, and the house's rules."""

import re
import subprocess
import sys
import tomllib
from pathlib import PurePosixPath

import pytest
from yaml import safe_load

from pipelines.environment import LEASES, VACUUM
from serving.settings import ServingSettings

#: What ends by itself: it is waited for, and not looked after.
ONCE = {"home", "bucket", "deployments"}

#: Gives volumes to who uses them, with nothing else that root may do, and no network.
ROOT = {"home"}

#: Variables of others' that are set for processes of ours.
THEIRS = ("PREFECT_", "MLFLOW_", "AWS_", "DO_NOT_TRACK", "MPLCONFIGDIR", "FORWARDED_ALLOW_IPS")


@pytest.fixture(scope="module")
def compose(root):
    return safe_load((root / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


@pytest.fixture(scope="module")
def beside(root):
    return root / "docs" / "operations" / "grown"


def test_the_file_is_what_the_specification_of_compose_asks_for(root):
    command = [sys.executable, "-m", "check_jsonschema"]
    done = subprocess.run(
        [*command, "--builtin-schema", "vendor.compose-spec", str(root / "compose.yaml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_image_is_pinned_by_a_tag_and_ours_by_our_version(root, services):
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    images = {service["image"] for service in services.values()}

    assert all(re.fullmatch(r"[\w/.-]+:[\w.-]+", image) for image in images)
    assert not [image for image in images if image.endswith(":latest")]
    ours = {image for image in images if image.startswith("gatecast-")}
    assert ours == {f"gatecast-serving:{version}", f"gatecast-pipelines:{version}"}


def test_nothing_runs_as_root_or_writes_into_its_root(services):
    for name, service in services.items():
        assert service["init"], name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        if name in ROOT:
            assert service["network_mode"] == "none"
            assert service["cap_add"] == ["CHOWN"]
        else:
            assert str(service["user"]).partition(":")[0] not in {"0", "root"}, name
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_everything_that_stays_is_looked_after(services):
    unwatched = {name for name, each in services.items() if "healthcheck" not in each}

    # A worker of Dask answers to its scheduler, which sends its work elsewhere.
    assert unwatched == ONCE | {"dask-worker"}


def test_whoever_is_waited_for_can_say_that_it_is_ready(services):
    for name, service in services.items():
        for waited, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[waited], (name, waited)
            if how["condition"] == "service_completed_successfully":
                assert waited in ONCE, (name, waited)


def test_every_variable_is_a_setting_of_ours_or_one_of_theirs(root, services):
    described = (root / "docs" / "settings.md").read_text()
    ours = {f"GATECAST_{name.upper()}" for name in ServingSettings.model_fields}
    for service in services.values():
        if service["image"].startswith("gatecast-"):
            for name in service.get("environment", {}):
                assert name in ours or name.startswith(THEIRS), name
                assert not name.startswith("GATECAST_") or name in described, name


def test_a_replica_s_variables_are_settings_that_can_be_read(services, monkeypatch):
    for name, value in services["api-1"]["environment"].items():
        monkeypatch.setenv(name, value.replace("${POSTGRES_PASSWORD}", "secret"))
    settings = ServingSettings()

    assert settings.keys_uri.get_secret_value().endswith("secret@postgres:5432/gatecast")
    assert not settings.anonymous_in_force
    assert settings.rate_in_force == "600/minute"
    assert services["api-1"] == services["api-2"]


def test_the_prefect_server_keeps_and_removes_what_one_that_we_start_does(services):
    told = services["prefect"]["environment"]

    assert VACUUM.items() <= told.items()
    assert told["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"] == LEASES


def test_every_file_that_is_mounted_is_there(root, services):
    mounted = [
        each.partition(":")[0]
        for service in services.values()
        for each in service.get("volumes", ())
        if each.startswith(".")
    ]

    assert len(mounted) >= 6
    assert [path for path in mounted if not (root / path).is_file()] == []


def test_every_volume_and_secret_that_is_used_is_declared(compose, services):
    for service in services.values():
        named = [each.partition(":")[0] for each in service.get("volumes", ())]
        assert {name for name in named if not name.startswith(".")} <= set(compose["volumes"])
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        assert set(service.get("networks", ())) <= set(compose["networks"])


def test_secrets_are_files_since_a_root_that_may_not_be_written_takes_no_other(compose, services):
    assert all("file" in secret for secret in compose["secrets"].values())
    assert all(service["read_only"] for service in services.values() if "secrets" in service)


def test_no_password_stands_in_a_command(services):
    assert not any("PASSWORD" in str(service.get("command")) for service in services.values())


def test_whoever_is_told_of_a_dask_has_the_certificates_for_it(services):
    for name, service in services.items():
        if "GATECAST_DASK_CERT" in service.get("environment", {}):
            assert service["secrets"] == ["dask_ca", "dask_cert", "dask_key"], name


def test_every_secret_is_asked_for_in_the_example_and_has_no_value_there(root):
    content = (root / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", content))
    lines = (root / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    assert set(given) == asked
    assert given.pop("GATECAST_COMPUTE") == "processes"
    assert not any(given.values())
    assert "/.env" in (root / ".gitignore").read_text().splitlines()
    assert ".env" in (root / ".dockerignore").read_text().splitlines()


def test_the_proxy_waits_for_both_replicas_and_longer_than_they_work(beside, services):
    proxy = (beside / "nginx.conf").read_text()
    (read,) = re.findall(r"proxy_read_timeout (\d+)s", proxy)

    assert set(re.findall(r"server ([\w-]+):8000", proxy)) == {"api-1", "api-2"} <= set(services)
    assert int(read) > max(ServingSettings().forecast_seconds, ServingSettings().text_seconds)
    for timeout in ("client_header", "client_body", "send", "proxy_connect", "proxy_send"):
        assert re.search(rf"{timeout}_timeout \d+s;", proxy), timeout


def test_prometheus_asks_both_replicas_by_the_alerts_own_name(beside, services):
    asked = safe_load((beside / "prometheus.yaml").read_text())
    (job,) = asked["scrape_configs"]
    rules = (beside.parent / "alerts.yaml").read_text()

    assert f'up{{job="{job["job_name"]}"}}' in rules
    assert job["static_configs"][0]["targets"] == ["api-1:8000", "api-2:8000"]
    mounted = [each.split(":")[1] for each in services["prometheus"]["volumes"]]
    assert asked["rule_files"][0] in mounted


def test_grafana_finds_the_board_where_it_is_mounted(beside, services):
    boards = safe_load((beside / "grafana-boards.yaml").read_text())
    folder = PurePosixPath(boards["providers"][0]["options"]["path"])
    mounted = [each.split(":")[1] for each in services["grafana"]["volumes"]]

    assert any(PurePosixPath(path).parent == folder for path in mounted)


def test_the_worker_takes_from_the_pool_that_is_deployed_to(root, services):
    deployed = safe_load((root / "prefect.yaml").read_text())["deployments"]
    pools = {each["work_pool"]["name"] for each in deployed}
    command = services["worker"]["command"]

    assert pools == {command[command.index("--pool") + 1]}
    assert "prefect work-pool create gatecast" in services["deployments"]["command"][-1]


def test_each_database_is_made_before_it_is_used(beside, services):
    made = set(re.findall(r"CREATE DATABASE (\w+)", (beside / "databases.sql").read_text()))
    used = set(re.findall(r"@postgres:5432/(\w+)", str(services)))

    assert used == made | {services["postgres"]["environment"]["POSTGRES_DB"]}
