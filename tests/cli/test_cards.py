"""The command `card`."""

import pytest

from fakes.project_folder import make_project
from fakes.read_page import ReadPage
from fakes.recorded_bouts import copy_version, trained_version
from titlebout.cli.main import main
from titlebout.connection_fields import environment_connection
from titlebout.wiring import build_lake, build_ledger


@pytest.fixture
def version(tmp_path, monkeypatch) -> str:
    make_project(tmp_path, monkeypatch)
    ledger = build_ledger(environment_connection("titlebout_ledger"))
    copy_version(trained_version(), ledger, build_lake(environment_connection("titlebout_lake")))
    (trained,) = ledger.entries("demand")
    return str(trained.payload["version"])


def test_a_card_is_printed_as_markdown_or_as_a_page_even_when_its_spec_is_gone(version, capsys):
    assert main(["card", "demand", version]) == 0
    assert capsys.readouterr().out.startswith(f"# demand {version}\n\n- **Predicts**: rentals (regression)")
    assert main(["card", "demand", version, "--html"]) == 0
    found = ReadPage(capsys.readouterr().out)
    found.check_harmless()
    assert "never served" in found.text.lower()


@pytest.mark.parametrize(("model", "said"), [("demand", "has no version"), ("demnd", "did you mean")])
def test_a_mistake_is_one_line(version, capsys, model, said):
    assert main(["card", model, "nothing"]) == 2
    assert said in capsys.readouterr().err
