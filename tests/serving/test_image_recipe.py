"""What goes into the serving image, checked without building it."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SERVING_LOCK = PROJECT / "requirements-serving.lock"
DOCKERFILE = PROJECT / "include" / "serving" / "Dockerfile"
IGNORE = DOCKERFILE.with_name("Dockerfile.dockerignore")
PIN = re.compile(r"^([a-z0-9-]+)==([^ \\]+)(?: ; ([^\\]+?))? \\$", re.MULTILINE)


def pins(lock: Path) -> dict[tuple[str, str], str]:
    """Return name and marker to version."""
    return {(name, marker): version for name, version, marker in PIN.findall(lock.read_text())}


def test_every_python_trains_and_serves_by_one_xgboost():
    """Another one trains other bytes from the same rows, and a model is read by the library that wrote it."""
    image = PROJECT / "requirements" / "image.lock"
    locks = {"xgboost": (PROJECT / "requirements.lock", image), "xgboost-cpu": (SERVING_LOCK,)}
    found = {
        version
        for package, files in locks.items()
        for file in files
        for (name, _), version in pins(file).items()
        if name == package
    }
    assert len(found) == 1


def test_the_server_runs_the_versions_that_the_trainer_runs():
    trainer = pins(PROJECT / "requirements.lock")
    served = pins(SERVING_LOCK)
    for (name, marker), version in served.items():
        twin = "xgboost" if name == "xgboost-cpu" else name
        found = {found for (other, _), found in trainer.items() if other == twin}
        assert trainer.get((twin, marker), version) == version
        assert version in found
    assert ("xgboost-cpu", "") in served


def test_the_server_gets_nothing_that_trains_or_schedules():
    names = {name for name, _ in pins(SERVING_LOCK)}
    assert names.isdisjoint({"pandas", "pyarrow", "mlflow", "apache-airflow", "great-expectations", "xgboost", "boto3"})
    assert {"xgboost-cpu", "starlette", "uvicorn", "numpy", "pydantic", "tzdata"} <= names


def test_every_package_is_pinned_by_hash_and_no_registry_is_named():
    text = SERVING_LOCK.read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text


def test_what_the_dockerfile_copies_is_let_through_to_the_engine():
    let_through = {line[1:] for line in IGNORE.read_text().splitlines() if line.startswith("!")}
    copied = {
        source.replace("[e]", "e").rstrip("/")
        for line in DOCKERFILE.read_text().splitlines()
        if line.startswith("COPY")
        for source in line.split()[1:-1]
    }
    assert copied == let_through


@pytest.mark.parametrize("word", ["USER 10001:10001", "HEALTHCHECK", "--require-hashes", "ARG BASE_IMAGE="])
def test_the_image_keeps_its_promises(word: str):
    assert word in DOCKERFILE.read_text()


def test_the_image_has_no_secret_and_downloads_nothing_by_address():
    assert not re.search(r"https?://|TOKEN|PASSWORD|SECRET", DOCKERFILE.read_text())
