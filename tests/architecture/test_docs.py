"""Every command in the README and the docs exists and, where it only asks, answers."""

import re
import shlex
from pathlib import Path

import pytest

from fakes.chains import write_bike_sharing_ledger
from titlebout.cli.main import main

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
# CI runs these two for real: the tests themselves, and the demo inside them.
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def commands():
    for page in PAGES:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip() and not line.startswith("#"):
                    yield pytest.param(shlex.split(line, comments=True), id=f"{page.name}: {line}")


@pytest.fixture
def project(tmp_path, monkeypatch):
    write_bike_sharing_ledger(tmp_path / "ledger.sqlite", monkeypatch)
    monkeypatch.setenv("TITLEBOUT_HOME", str(PROJECT))


@pytest.mark.parametrize("command", [*commands()])
def test_a_documented_command_works(command, project, capsys):
    words = [word for word in command if not re.match(r"[A-Z_]+=", word)]
    match words:
        case ["make", *targets]:
            assert set(targets) <= MAKE_TARGETS
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
