"""A decision holds for the bytes that were looked at, is written once, and lets later windows read the day."""

import pytest

from fakes.delivered import MODEL, Delivered, failure
from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.validator import MemoryValidator
from titlebout.core.decisions import Choice, Decision
from titlebout.core.errors import DecisionRefusedError, PartitionRejectedError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus
from titlebout.core.partitions import keys_between
from titlebout.steps.compare_with_champion import compare_with_champion
from titlebout.steps.decide_on_partition import decide_on_partition, find_partition
from titlebout.steps.validate_partition import validate_partition

DAY = "2024-05-01"
PLAUSIBLE = {"column": "temperature", "min_value": -60, "max_value": 60}
SUITE = {
    "name": "demand",
    "expectations": [{"type": "expect_column_values_to_be_between", "kwargs": PLAUSIBLE}],
}
RELEASE = Decision.of(choice=Choice.RELEASE, by="anna", reason="checked by hand")
REJECT = Decision.of(choice=Choice.REJECT, by="ben", reason="broken sensor")


@pytest.fixture
def delivered() -> Delivered:
    delivered = Delivered()
    delivered.ingest(DAY)
    delivered.judge(DAY, [failure()])
    return delivered


def seen(delivered: Delivered, key: str = DAY):
    return find_partition(delivered.ledger.state(MODEL), MODEL, key)


def decisions(delivered: Delivered):
    return [entry for entry in delivered.ledger.entries(MODEL) if entry.actor.startswith("person:")]


class TestTheEntry:
    def test_it_names_bytes_person_and_reason(self, delivered):
        decided = decide_on_partition(RELEASE, seen(delivered), ledger=delivered.ledger)
        (entry,) = decisions(delivered)
        assert decided.is_new
        assert decided.entry == entry
        assert (entry.kind, entry.actor) == (EntryKind.PARTITION_RELEASED, "person:anna")
        assert entry.payload == {
            "partition": DAY,
            "revision": 1,
            "data_sha256": delivered.snapshots[DAY][0].data_sha256,
            "reason": "checked by hand",
        }
        assert seen(delivered).status is PartitionStatus.ACCEPTED

    def test_the_same_twice_is_written_once_and_answered_with_the_first(self, delivered):
        first = decide_on_partition(RELEASE, seen(delivered), ledger=delivered.ledger)
        again = Decision.of(choice=Choice.RELEASE, by="carl", reason="me too")
        second = decide_on_partition(again, seen(delivered), ledger=delivered.ledger)
        assert (second.entry, second.is_new) == (first.entry, False)
        assert len(decisions(delivered)) == 1

    def test_a_person_may_change_their_mind_and_back(self, delivered):
        for decision in (RELEASE, REJECT, RELEASE):
            assert decide_on_partition(decision, seen(delivered), ledger=delivered.ledger).is_new
        assert [entry.kind for entry in decisions(delivered)] == [
            EntryKind.PARTITION_RELEASED,
            EntryKind.PARTITION_DISCARDED,
            EntryKind.PARTITION_RELEASED,
        ]

    def test_what_does_not_fit_is_not_written(self, delivered):
        delivered.ingest("2024-05-02")
        with pytest.raises(DecisionRefusedError, match="never judged"):
            decide_on_partition(RELEASE, seen(delivered, "2024-05-02"), ledger=delivered.ledger)
        assert decisions(delivered) == []

    def test_an_unknown_day_is_named(self, delivered):
        with pytest.raises(DecisionRefusedError, match="demand 2024-06-01 was never ingested"):
            seen(delivered, "2024-06-01")


class Interrupted:
    """A ledger in which something happens just before the first appends arrive."""

    def __init__(self, ledger, happenings):
        self._ledger, self._happenings = ledger, list(happenings)

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def append(self, *arguments, **options):
        if self._happenings:
            self._happenings.pop(0)()
        return self._ledger.append(*arguments, **options)


class TestWhatHappensInBetween:
    def test_other_entries_of_the_model_do_not_matter(self, delivered):
        def other():
            delivered.ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, {"version": "v"}, actor="run:night")

        ledger = Interrupted(delivered.ledger, [other, other])
        assert decide_on_partition(RELEASE, seen(delivered), ledger=ledger).is_new
        assert len(decisions(delivered)) == 1

    @pytest.mark.parametrize("is_before_the_look", [True, False])
    def test_a_new_revision_is_refused_and_nothing_is_written(self, delivered, is_before_the_look):
        looked_at, ledger = seen(delivered), delivered.ledger
        if is_before_the_look:
            delivered.ingest(DAY, rows=1)
        else:
            ledger = Interrupted(ledger, [lambda: delivered.ingest(DAY, rows=1)])
        with pytest.raises(DecisionRefusedError, match=r"demand 2024-05-01 \(revision 2\) came in after you looked"):
            decide_on_partition(RELEASE, looked_at, ledger=ledger)
        assert decisions(delivered) == []
        assert seen(delivered).status is PartitionStatus.INGESTED

    def test_the_same_bytes_delivered_again_are_a_new_revision_too(self, delivered):
        looked_at = seen(delivered)
        delivered.ingest(DAY, data_sha256=looked_at.snapshot.data_sha256)
        with pytest.raises(DecisionRefusedError, match="revision 2"):
            decide_on_partition(RELEASE, looked_at, ledger=delivered.ledger)

    def test_another_persons_other_decision_is_refused(self, delivered):
        looked_at = seen(delivered)
        ledger = Interrupted(delivered.ledger, [lambda: delivered.decide(DAY, EntryKind.PARTITION_DISCARDED, "ben")])
        with pytest.raises(DecisionRefusedError, match=r"stood in status quarantined.*discarded now by person:ben"):
            decide_on_partition(RELEASE, looked_at, ledger=ledger)
        assert [entry.actor for entry in decisions(delivered)] == ["person:ben"]

    def test_another_persons_same_decision_is_fine(self, delivered):
        ledger = Interrupted(delivered.ledger, [lambda: delivered.decide(DAY, EntryKind.PARTITION_RELEASED, "ben")])
        decided = decide_on_partition(RELEASE, seen(delivered), ledger=ledger)
        assert (decided.entry.actor, decided.is_new) == ("person:ben", False)
        assert len(decisions(delivered)) == 1

    def test_a_ledger_that_never_comes_to_rest_is_worth_a_retry(self, delivered):
        def other():
            delivered.ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, {"version": "v"}, actor="run:night")

        with pytest.raises(UnavailableError, match="others wrote first"):
            decide_on_partition(RELEASE, seen(delivered), ledger=Interrupted(delivered.ledger, [other] * 30))


class TestLaterWindows:
    """Real steps over stores in memory: nobody has to tell the next night about a decision."""

    HOLE = "2024-01-05"

    @pytest.fixture
    def world(self):
        world = DemandWorld()
        for key in keys_between("2024-01-01", "2024-01-14"):
            world.deliver(key, accepted=key != self.HOLE)
        return world

    @staticmethod
    def train(world, night):
        return world.train(night)

    def learned(self, world, night):
        return {ref.partition for ref in self.train(world, night).proof.training}

    def decide(self, world, decision):
        record = find_partition(world.ledger.state("demand"), "demand", self.HOLE)
        return decide_on_partition(decision, record, ledger=world.ledger)

    def test_a_released_day_enters_the_next_window_by_itself(self, world):
        before = self.train(world, "2024-01-13")
        assert self.HOLE not in {ref.partition for ref in before.proof.training}
        self.decide(world, RELEASE)
        assert self.HOLE in self.learned(world, "2024-01-14")
        again = self.train(world, "2024-01-13")  # its own night, cleared: another manifest is another version
        assert again.version != before.version
        assert self.HOLE in {ref.partition for ref in again.proof.training}

    def test_a_rejected_day_leaves_it_though_the_suite_accepted_it(self, world):
        self.decide(world, RELEASE)
        assert self.HOLE in self.learned(world, "2024-01-13")
        self.decide(world, REJECT)
        assert self.HOLE not in self.learned(world, "2024-01-14")

    def test_a_rejected_day_is_no_evidence_in_a_bout(self, world):
        self.HOLE = "2024-01-13"
        self.decide(world, REJECT)
        challenger = self.train(world, "2024-01-14")
        verdict = compare_with_champion(world.spec, run_of("2024-01-14"), challenger=challenger, **world.stores)
        assert verdict.holdout == ("2024-01-12", "2024-01-14")

    def validate(self, world, night):
        return validate_partition(
            world.spec,
            run_of(night),
            suite=SUITE,
            lake=world.lake,
            ledger=world.ledger,
            validator=MemoryValidator(),
        )

    def test_the_cleared_task_of_its_own_night_goes_green_after_a_release(self, world):
        self.HOLE = "2024-01-15"
        world.deliver(self.HOLE, demand_rows(self.HOLE, warmer=500.0), accepted=False)
        with pytest.raises(PartitionRejectedError):
            self.validate(world, self.HOLE)
        self.decide(world, RELEASE)
        assert not self.validate(world, self.HOLE).is_accepted  # the report stays what it is
        assert world.ledger.state("demand").partitions[self.HOLE].status is PartitionStatus.ACCEPTED

    def test_the_cleared_task_of_a_discarded_day_stays_red_until_it_is_delivered_anew(self, world):
        self.HOLE = "2024-01-15"
        world.deliver(self.HOLE)
        self.decide(world, REJECT)
        with pytest.raises(PartitionRejectedError, match="was discarded by person:ben; deliver it anew"):
            self.validate(world, self.HOLE)
        world.deliver(self.HOLE, demand_rows(self.HOLE, level=1.01), revision=2)
        self.validate(world, self.HOLE)
        assert LedgerState.of(world.ledger.entries("demand")).partitions[self.HOLE].status is PartitionStatus.ACCEPTED
