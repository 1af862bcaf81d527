"""The proof of a chain against what was derived from it, and against an earlier export."""

import pytest

from fakes.chains import MODEL, fill
from fakes.ledger import MemoryLedger
from titlebout.core.errors import LedgerTamperedError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState
from titlebout.core.ledgers.ledger_audit import DerivedTables, audit_model, by_model, head_problem
from titlebout.core.ledgers.ledger_chain import ChainHead


@pytest.fixture
def entries():
    ledger = MemoryLedger()
    fill(ledger)
    return list(ledger.entries(MODEL))


def derived_from(entries):
    return DerivedTables(ChainHead.of(entries[-1]), dict(LedgerState.of(entries).partitions))


def hashes(entries):
    return {entry.sequence: entry.sha256 for entry in entries}


def test_a_ledger_that_agrees_with_itself_has_no_problem(entries):
    audit = audit_model(MODEL, entries, derived=derived_from(entries), earlier=hashes(entries[:5]))
    assert (audit.head, audit.problems) == (ChainHead.of(entries[-1]), ())


def test_an_empty_ledger_has_no_problem():
    audit = audit_model(MODEL, [], derived=DerivedTables(None, {}))
    assert (audit.head.sequence, audit.problems) == (0, ())


def test_a_broken_chain_holds_up_to_the_break(entries):
    del entries[3]
    audit = audit_model(MODEL, entries)
    assert audit.head.sequence == 3
    assert len(audit.problems) == 1


@pytest.mark.parametrize(
    ("recorded", "last", "problem"),
    [
        (None, 0, None),
        (3, 3, None),
        (3, 2, "entry 3 is missing at the end, 3 was appended last"),
        (9, 2, "entries 3 to 9 are missing at the end, 9 was appended last"),
        (2, 4, "entries 3 to 4 are put in at the end, 2 was appended last"),
        (None, 1, "entry 1 is put in at the end, none is recorded as appended"),
    ],
)
def test_the_last_entry_has_to_be_the_one_that_was_appended_last(recorded, last, problem):
    head = None if recorded is None else ChainHead(model=MODEL, sequence=recorded)
    assert head_problem(head, ChainHead(model=MODEL, sequence=last)) == problem


def test_a_replaced_last_entry_is_not_the_one_that_was_appended(entries):
    forged = ChainHead.of(entries[-1]).model_copy(update={"sha256": "f" * 64})
    assert head_problem(forged, ChainHead.of(entries[-1])) == "entry 8 is not the one that was appended last"


def test_many_differences_are_counted_instead_of_listed(entries):
    record = LedgerState.of(entries).partitions["2012-10-28"]
    extra = {f"2013-01-{day:02}": record for day in range(1, 16)}
    derived = derived_from(entries)
    audit = audit_model(MODEL, entries, derived=DerivedTables(derived.head, {**derived.partitions, **extra}))
    assert len(audit.problems) == 11
    assert "partition 2013-01-01 is accepted (revision 1, entry 1) in the derived table, unknown" in audit.problems[0]
    assert audit.problems[-1].endswith("so are 5 more partitions")


@pytest.mark.parametrize("kept", [0, 1, 5, 7])
def test_entries_that_an_earlier_export_holds_are_missed(entries, kept):
    span = "entry 8 is" if kept == 7 else f"entries {kept + 1} to 8 are"
    audit = audit_model(MODEL, entries[:kept], earlier=hashes(entries))
    assert audit.problems == (f"ledger of {MODEL!r}: {span} in the export and missing here",)


def test_a_chain_that_was_written_anew_differs_from_an_earlier_export(entries):
    """Every hash in it is right: whoever may write the database may compute them."""
    head = ChainHead.of(entries[4])
    anew = entries[:5]
    for _ in range(4):
        anew.append(head.next_entry(EntryKind.RELEASE_FAILED, {}, actor="x", once=None, now=head.recorded_at))
        head = ChainHead.of(anew[-1])
    assert audit_model(MODEL, anew, derived=derived_from(anew)).problems == ()
    problem = "entry 6 and what follows were written anew since the export"
    audit = audit_model(MODEL, anew, derived=derived_from(anew), earlier=hashes(entries))
    assert audit.problems == (f"ledger of {MODEL!r}: {problem}",)


def test_an_export_is_split_by_model_and_no_model_may_stand_in_it_twice(entries):
    other = MemoryLedger()
    fill(other, "other")
    both = [*entries, *other.entries("other")]
    assert [(model, len([*chain])) for model, chain in by_model(both)] == [(MODEL, 8), ("other", 8)]
    with pytest.raises(LedgerTamperedError, match=f"{MODEL!r}: its entries stand in two places"):
        [*by_model([*both, *entries])]
