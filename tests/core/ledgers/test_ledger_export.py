"""The ledger as lines of JSON: whole or not there, and read back as it was."""

import json

import pytest

from fakes.chains import MODEL, fill
from fakes.ledger import MemoryLedger
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ledgers.ledger_chain import verify_chain
from titlebout.core.ledgers.ledger_export import export_line, read_export, write_export


@pytest.fixture
def entries():
    ledger = MemoryLedger()
    fill(ledger)
    ledger.append(MODEL, EntryKind.VERDICT_REACHED, {"text": "Größe \u2028 \ud800 \n", "x": 1e-300}, actor="Zoë")
    return ledger.entries(MODEL)


def test_an_export_is_read_back_as_it_was_written(entries, tmp_path):
    path = tmp_path / "export.jsonl"
    assert write_export(path, entries) == 9
    assert tuple(read_export(path)) == entries
    assert verify_chain(read_export(path)) == 9
    lines = path.read_text(encoding="ascii").splitlines()
    assert json.loads(lines[3])["sha256"] == entries[3].sha256
    assert lines == [export_line(entry) for entry in entries]
    assert [each.name for each in tmp_path.iterdir()] == ["export.jsonl"]


def test_an_export_that_breaks_off_leaves_the_one_before(entries, tmp_path):
    path = tmp_path / "export.jsonl"
    write_export(path, entries[:4])
    before = path.read_bytes()

    def broken():
        yield from entries[:6]
        raise LedgerTamperedError("broken")

    with pytest.raises(LedgerTamperedError, match="broken"):
        write_export(path, broken())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["export.jsonl"]


@pytest.mark.parametrize("size", [-1, -30])
def test_a_cut_line_is_named(entries, tmp_path, size):
    path = tmp_path / "export.jsonl"
    write_export(path, entries)
    path.write_bytes(path.read_bytes()[: size - 1])
    with pytest.raises(LedgerTamperedError, match=r"export.jsonl, line 9 is no entry of a ledger"):
        list(read_export(path))


@pytest.mark.parametrize("line", [b"{}", b"[]", b"", b"\xff\xfe", b"null", b'{"model": 1}'])
def test_what_is_no_entry_is_refused(tmp_path, line):
    path = tmp_path / "export.jsonl"
    path.write_bytes(line + b"\n")
    with pytest.raises(LedgerTamperedError, match="line 1 is no entry"):
        list(read_export(path))
