"""A day that went wrong is kept out of every window of the thirty nights after it, until a person lets it in.

Everything is real but the calendar: files, lake, ledger, suite and contract checks of the demo, and the steps.
"""

from pathlib import Path

import pytest

from fakes.demand_nights import DemandNights
from fakes.poisons import POISONS, Poison
from titlebout.core.decisions import Choice, Decision
from titlebout.core.demand_generator import FIRST_DAY, ROWS_PER_DAY, generate
from titlebout.core.errors import PartitionEmptyError, PartitionRejectedError, PartitionUnreadableError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.partitions import keys_between, parse_key, shift_key
from titlebout.core.results import ValidationReport
from titlebout.core.versions import read_version
from titlebout.demo.generator import SEED, to_csv
from titlebout.steps.decide_on_partition import decide_on_partition
from titlebout.steps.train_challenger import training_proof

pytestmark = pytest.mark.slow

DAY = "2021-03-02"
EVE = shift_key(DAY, -1)
NIGHTS = tuple(keys_between(shift_key(DAY, 1), shift_key(DAY, 30)))
AFTERWARDS = shift_key(DAY, 31)
PAGE = Path(__file__).resolve().parents[2] / "docs" / "quarantine.md"
DEMAND = generate(SEED)


def rows_of(key):
    start = (parse_key(key) - FIRST_DAY).days * ROWS_PER_DAY
    return DEMAND.take(slice(start, start + ROWS_PER_DAY))


@pytest.fixture(scope="module")
def eve(tmp_path_factory) -> DemandNights:
    """The evening before: two months of good days."""
    nights = DemandNights(tmp_path_factory.mktemp("eve"))
    for key in keys_between("2021-01-01", AFTERWARDS):
        nights.deliver(key, to_csv(rows_of(key)))
    nights.ingest(EVE)
    nights.validate(EVE)
    assert not nights.state.keys(PartitionStatus.QUARANTINED)
    return nights


@pytest.fixture
def nights(eve, tmp_path) -> DemandNights:
    return eve.copy(tmp_path)


def poison_day(nights: DemandNights, poison: Poison) -> None:
    nights.deliver(DAY, poison.file(rows_of(DAY), rows_of(EVE)))
    nights.ingest(DAY)


def windows_of(nights: DemandNights, key: str) -> set[str]:
    proof = training_proof(nights.spec, key, nights.ledger)
    return {ref.partition for ref in (*proof.training, *proof.holdout)}


def live_on(nights: DemandNights, *keys: str) -> None:
    """Let nights pass and look into the windows of each."""
    for key in keys:
        nights.ingest(key)
        assert nights.validate(key).is_accepted
        assert DAY not in windows_of(nights, key), f"the night of {key} reads the poisoned day"


@pytest.mark.parametrize("way", POISONS)
def test_a_poisoned_day_is_read_by_no_night_until_a_person_releases_it(nights, way):
    poison = POISONS[way]
    poison_day(nights, poison)
    with pytest.raises(PartitionRejectedError):
        nights.validate(DAY)
    (entry,) = nights.ledger.entries(nights.spec.name, kinds={EntryKind.PARTITION_REJECTED})
    for name in poison.found_by:
        assert any(f"critical: {name}" in line for line in entry.payload["failures"]), (name, entry.payload["failures"])

    live_on(nights, *NIGHTS)
    for key in (NIGHTS[0], NIGHTS[9], NIGHTS[29]):
        manifest = read_version(nights.lake, nights.spec.name, nights.train(key).version)
        assert DAY not in {ref.partition for ref in (*manifest.proof.training, *manifest.proof.holdout)}
        assert manifest.proof == training_proof(nights.spec, key, nights.ledger)

    decision = Decision.of(choice=Choice.RELEASE, by="anna", reason="looked at it with the meter's owner")
    decide_on_partition(decision, nights.record(DAY), ledger=nights.ledger)
    nights.ingest(AFTERWARDS)
    nights.validate(AFTERWARDS)
    assert nights.record(DAY).ref() in training_proof(nights.spec, AFTERWARDS, nights.ledger).training
    if way == "no target":  # a person can let it pass, but nothing can be learned from it
        with pytest.raises(PartitionUnreadableError, match=f"partition {DAY}.*96 of 96 labels are missing"):
            nights.train(AFTERWARDS)
    else:
        assert nights.record(DAY).ref() in nights.train(AFTERWARDS).proof.training


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (lambda rows: to_csv(rows.take(slice(0, 0))), PartitionEmptyError),
        (lambda rows: to_csv(rows)[:3000].rpartition(b",")[0], PartitionUnreadableError),
        (lambda rows: to_csv(rows).replace(b"demand_kwh", b"demand"), PartitionUnreadableError),
        (lambda rows: to_csv(rows).replace(b"airport", b"airp\xffrt"), PartitionUnreadableError),
    ],
    ids=["no rows", "cut between two columns", "renamed column", "broken text"],
)
def test_what_is_no_partition_at_all_does_not_even_enter_the_ledger(nights, content, error):
    nights.deliver(DAY, content(rows_of(DAY)))
    with pytest.raises(error):
        nights.ingest(DAY)
    live_on(nights, *NIGHTS[:2])
    assert DAY not in nights.state.partitions


class TestSabotage:
    """These tests must be able to fail: without a gate the same look into the windows finds the day."""

    def test_a_suite_that_accepts_everything_is_found_out(self, nights, monkeypatch):
        monkeypatch.setattr(ValidationReport, "is_accepted", True)
        poison_day(nights, POISONS["sentinels"])
        nights.validate(DAY)
        with pytest.raises(AssertionError, match="reads the poisoned day"):
            live_on(nights, NIGHTS[0])

    @pytest.mark.parametrize("status", [PartitionStatus.QUARANTINED, PartitionStatus.DISCARDED])
    def test_windows_that_do_not_ask_the_ledger_are_found_out(self, nights, monkeypatch, status):
        poison_day(nights, POISONS["sentinels"])
        with pytest.raises(PartitionRejectedError):
            nights.validate(DAY)
        if status is PartitionStatus.DISCARDED:
            decision = Decision.of(choice=Choice.REJECT, by="anna", reason="broken")
            decide_on_partition(decision, nights.record(DAY), ledger=nights.ledger)
        live_on(nights, NIGHTS[0])
        monkeypatch.setattr(LedgerState, "keys", lambda state, _: tuple(sorted(state.partitions)))
        with pytest.raises(AssertionError, match="reads the poisoned day"):
            live_on(nights, NIGHTS[1])


def test_the_page_lists_every_way():
    page = PAGE.read_text(encoding="utf-8")
    missing = [way for way in POISONS if f"| {way} |" not in page]
    assert not missing
