"""What the command line says about a person's word."""

from pathlib import Path

import pytest

from fakes.chains import MODEL, write_bike_sharing_ledger
from titlebout.cli.main import main
from titlebout.core.candidates.approvals import Approval
from titlebout.core.ledgers.ledger import EntryKind

NEWER = {"version": "2012-10-31-0123456789ab", "partition": "2012-10-31"}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    return write_bike_sharing_ledger(tmp_path / "ledger.sqlite", monkeypatch)


def test_served_at_tells_who_approved_and_why(ledger, capsys):
    asked = {"model": MODEL, "version": NEWER["version"], "champion": "2012-10-30-0123456789ab"}
    given = Approval(**asked, is_approved=True, by="ada", why="looks right")
    ledger.append(MODEL, given.kind, {"approval": given.as_json()}, actor="person:ada")
    started = ledger.append(MODEL, EntryKind.RELEASE_STARTED, NEWER, actor="run:1")
    settled = {**NEWER, "token": started.sequence, "reason": "gain", "url": None}
    ledger.append(MODEL, EntryKind.RELEASE_SETTLED, settled, actor="run:1")
    assert main(["served-at", MODEL, "2100-01-01"]) == 0
    assert "approval  approved by ada: looks right" in capsys.readouterr().out


def test_where_nobody_was_asked_nothing_is_said_about_it(ledger, capsys):
    assert main(["served-at", MODEL, "2100-01-01"]) == 0
    assert "approval" not in capsys.readouterr().out
