"""Every command in the README and the docs exists and, where it only asks, answers."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.chains import write_bike_sharing_ledger
from titlebout.cli.main import build_parser, main

PROJECT = Path(__file__).resolve().parents[2]
TUTORIAL = PROJECT / "docs" / "tutorial.md"
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
# CI runs these two for real: the tests themselves, and the demo inside them.
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def shell_blocks(page):
    return re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands():
    for page in PAGES:
        for block in shell_blocks(page):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                # The tutorial is run as a whole, below; only what it asks of make and Airflow is looked at here.
                if words and (page != TUTORIAL or words[0] in {"make", "airflow"}):
                    yield pytest.param(words, id=f"{page.name}: {line}")


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_bike_sharing_ledger(tmp_path / "ledger.sqlite", monkeypatch)
    monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_LAKE", json.dumps({"extra": {"root_uri": tmp_path.as_uri()}}))
    monkeypatch.setenv("TITLEBOUT_HOME", str(PROJECT))


@pytest.mark.parametrize("command", [*commands()])
def test_a_documented_command_works(command, project, capsys):
    words = [word for word in command if not re.match(r"[A-Z_]+=", word)]
    match words:
        case ["make", *targets]:
            assert set(targets) <= MAKE_TARGETS
        case ["titlebout", "rollback" | "trial" | "drift" | "staleness" | "performance" | "retrain", *_]:
            # Their answers need versions and bouts; tests/cli/test_rollbacks.py, test_trial_commands.py,
            # test_drift_reports.py, test_performance_table.py and test_retrains.py have them.
            assert build_parser().parse_args(words[1:]).run
        case ["titlebout", *arguments]:
            # What served at a moment in the past depends on the day on which this test runs.
            answers = (0, 1) if arguments[0] == "served-at" else (0,)
            assert main(arguments) in answers, capsys.readouterr()
        case ["airflow", *arguments]:
            assert_airflow_parses(arguments)
        case _:
            pytest.fail(f"no check for {words}")


def assert_airflow_parses(arguments):
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(arguments)


def test_every_link_between_pages_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_tutorial_can_be_followed_word_by_word(tmp_path):
    """Its commands run in a shell, one after the other, in a project that holds nothing yet."""
    elsewhere = "make() { :; }; airflow() { :; }"  # a set-up and a running Airflow, which other tests look after
    script = "\n".join(["set -euo pipefail", elsewhere, *shell_blocks(TUTORIAL)])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TITLEBOUT"))}
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = {**inherited, "PATH": programs, "HOME": str(tmp_path), "PYTHONPATH": str(PROJECT / "plugins")}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for said in quoted_output(TUTORIAL):
        assert said in done.stdout, said


def quoted_output(page):
    """Yield lines of the page's output that hold on every machine: what was found, without folders and seconds."""
    text = page.read_text().partition("## Two public data sets")[0]
    for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if re.match(r"\d+ of \d+ days|  - |demand: ok|  (accepted|quarantined|verdict|think of) ", line):
                yield line
