"""The plugin is registered exactly once: from the plugins folder, from an installed package, or from both."""

import json
import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
LIBRARIES = Path(str(distribution("apache-airflow-core").locate_file("")))
NEIGHBOUR = "neighbour"
NEIGHBOUR_CODE = """
from airflow.plugins_manager import AirflowPlugin

class Neighbour(AirflowPlugin):
    name = "neighbour"
"""

REPORT = """
import json, pathlib, sys
from airflow import plugins_manager as core
from airflow.sdk import plugins_manager as sdk
report = {}
for side, manager in (("core", core), ("sdk", sdk)):
    plugins, errors = manager._get_plugins()
    report[side] = {"names": sorted(plugin.name for plugin in plugins), "errors": errors}
report["file"] = sys.modules["titlebout.airflow_plugin"].__file__
report["bare"] = sorted(name for name in sys.modules if name in {"drift", "errors", "project", "spec", "wiring"})
pathlib.Path("report.json").write_text(json.dumps(report))
"""


def install(site: Path, name: str, entry_point: str) -> None:
    """Put a distribution's metadata where `importlib.metadata` looks for it."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[airflow.plugins]\n{name} = {entry_point}\n")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder with everything that is installed here except Titlebout, and one more Airflow plugin."""
    site = tmp_path / "site"
    site.mkdir()
    for entry in LIBRARIES.iterdir():
        if not entry.name.startswith(("titlebout", "_titlebout", "__editable__")) and entry.suffix != ".pth":
            (site / entry.name).symlink_to(entry)
    code = (
        "from airflow.plugins_manager import AirflowPlugin\nclass Neighbour(AirflowPlugin):\n    name = 'neighbour'\n"
    )
    (site / "neighbour.py").write_text(code)
    install(site, NEIGHBOUR, "neighbour:Neighbour")
    return site


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty Airflow plugins folder."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


def fill(folder: Path) -> None:
    for entry in PLUGINS.iterdir():
        (folder / entry.name).symlink_to(entry)


def add_package(site: Path) -> None:
    (site / "titlebout").symlink_to(PLUGINS / "titlebout")
    install(site, "titlebout", "titlebout.airflow_plugin:TitleboutPlugin")


def report(tmp_path: Path) -> dict:
    """Let a fresh Airflow load its plugins and say what it found."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONPATH"))}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(tmp_path / "site"),
    }
    done = subprocess.run(  # -S: the virtual environment's own packages stay out
        [sys.executable, "-S", "-c", REPORT], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((tmp_path / "report.json").read_text())


def check(found: dict) -> None:
    for side in ("core", "sdk"):
        assert found[side]["errors"] == {}
        assert [name for name in found[side]["names"] if name in {"titlebout", NEIGHBOUR}] == [NEIGHBOUR, "titlebout"]
    assert found["bare"] == []


def test_it_works_from_the_plugins_folder_alone(tmp_path, site, folder):
    fill(folder)
    found = report(tmp_path)
    check(found)
    assert Path(found["file"]).is_relative_to(folder)


def test_it_works_installed_alone(tmp_path, site, folder):
    add_package(site)
    found = report(tmp_path)
    check(found)
    assert Path(found["file"]).is_relative_to(site)


def test_it_is_registered_once_when_it_is_in_both_places(tmp_path, site, folder):
    fill(folder)
    add_package(site)
    check(report(tmp_path))


def test_the_plugins_folder_shows_airflow_one_file_only():
    from airflow.sdk._shared.module_loading import find_path_from_directory

    shown = find_path_from_directory(str(PLUGINS), ".airflowignore", "glob")
    assert [Path(path).name for path in shown if path.endswith(".py")] == ["titlebout_plugin.py"]


def test_the_plugin_module_stays_under_forty_lines():
    for name in ("titlebout_plugin.py", "titlebout/airflow_plugin.py"):
        assert len((PLUGINS / name).read_text().splitlines()) < 40
