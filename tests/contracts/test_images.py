"""The Dockerfile keeps the house's rules, and its building refuses by name what it lacks."""

import re
import shutil
import subprocess

import pytest


@pytest.fixture(scope="module")
def dockerfile(root):
    return (root / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def stages(dockerfile):
    """What each stage adds, by its name."""
    parts = re.split(r"^FROM \S+ AS (\w+)$", dockerfile, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_base_is_an_argument_and_pinned(dockerfile):
    (base,) = re.findall(r"^ARG BASE=(\S+)$", dockerfile, flags=re.MULTILINE)

    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)


def test_both_images_run_as_nobody_in_particular_under_an_init(stages):
    assert 'ENTRYPOINT ["tini", "-s", "-g", "--"]' in stages["base"]
    for name in ("serving", "pipelines"):
        assert re.findall(r"^USER (\S+)$", stages[name], flags=re.MULTILINE) == ["10001:10001"]


def test_what_the_api_needs_is_locked_and_without_training_or_tracking(root, stages):
    words = stages["serving"].split("requirements.lock", 1)[1].split("COPY", 1)[0]
    names = {name.strip('"').split("[")[0] for name in words.replace("\\", " ").split()}
    locked = set(
        re.findall(r"^([\w.-]+)==", (root / "requirements.lock").read_text(), re.MULTILINE)
    )

    assert names <= locked
    assert {"fastapi", "onnxruntime", "psycopg", "redis"} <= names
    assert not names & {"torch", "mlflow", "prefect", "pandas", "great-expectations"}


def test_the_image_of_the_api_holds_no_pipeline(stages):
    copied = re.findall(r"^COPY (\S+) \./\1$", stages["serving"], flags=re.MULTILINE)

    assert copied == ["forecasting", "serving"]


def test_building_without_buildah_is_refused_by_name(root, tmp_path):
    for tool in ("dirname", "id"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        [shutil.which("bash"), str(root / ".ci" / "images")],
        env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "buildah" in done.stderr
