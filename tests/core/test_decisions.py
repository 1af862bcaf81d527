"""A person's decision: its name and reason, where it fits, and how the ledger's fold takes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.delivered import MODEL, Delivered, failure
from titlebout.core.decisions import Choice, Decision, named, standing_since
from titlebout.core.errors import MAX_MESSAGE_CHARACTERS, DecisionRefusedError
from titlebout.core.ledgers.ledger import EntryKind, LedgerState, PartitionStatus

DAY = "2024-05-01"
RELEASE = Decision.of(choice=Choice.RELEASE, by="anna", reason="checked by hand")
REJECT = Decision.of(choice=Choice.REJECT, by="anna", reason="broken sensor")


def record_of(delivered: Delivered, key: str = DAY):
    return LedgerState.of(delivered.ledger.entries(MODEL)).partitions[key]


def ingested() -> Delivered:
    delivered = Delivered()
    delivered.ingest(DAY)
    return delivered


def quarantined() -> Delivered:
    delivered = ingested()
    delivered.judge(DAY, [failure()])
    return delivered


def accepted() -> Delivered:
    delivered = ingested()
    delivered.judge(DAY)
    return delivered


class TestNameAndReason:
    def test_the_actor_is_a_person_however_the_name_is_given(self):
        assert RELEASE.actor == "person:anna"
        assert Decision.of(choice=Choice.RELEASE, by=" person:José Álvarez ", reason="x").actor == "person:José Álvarez"

    def test_a_reason_is_one_line(self):
        assert Decision.of(choice=Choice.REJECT, by="anna", reason="  two\n lines\t").reason == "two lines"

    @pytest.mark.parametrize("name", ["", "  ", "person:", "x" * 65, "a\x1bb", "a\u202eb", "a\0b"])
    def test_an_unusable_name_is_refused(self, name):
        with pytest.raises(DecisionRefusedError, match="--by: give one line of 1 to 64 printable characters"):
            Decision.of(choice=Choice.RELEASE, by=name, reason="why")

    @pytest.mark.parametrize("reason", ["", " \n ", "x" * 301, "a\x00b", "\u200b", "a\u2066b"])
    def test_an_unusable_reason_is_refused(self, reason):
        with pytest.raises(DecisionRefusedError, match="--reason: give one line of 1 to 300 printable characters"):
            Decision.of(choice=Choice.RELEASE, by="anna", reason=reason)

    def test_the_longest_ones_are_taken(self):
        decision = Decision.of(choice=Choice.RELEASE, by="n" * 64, reason="r" * 300)
        assert (len(decision.by), len(decision.reason)) == (64, 300)


class TestWhereItFits:
    def test_what_waits_in_quarantine_can_be_released_and_rejected(self):
        record = record_of(quarantined())
        RELEASE.check(record)
        REJECT.check(record)
        assert not RELEASE.is_made(record)
        assert not REJECT.is_made(record)

    def test_what_was_never_judged_cannot_be_released_but_rejected(self):
        record = record_of(ingested())
        REJECT.check(record)
        with pytest.raises(DecisionRefusedError, match=r"never judged.*clear validate_partition") as caught:
            RELEASE.check(record)
        assert len(str(caught.value)) < MAX_MESSAGE_CHARACTERS

    def test_what_the_suite_accepted_needs_no_release_but_can_be_rejected(self):
        record = record_of(accepted())
        REJECT.check(record)
        with pytest.raises(DecisionRefusedError, match="not in quarantine: the suite accepted it"):
            RELEASE.check(record)

    def test_a_person_may_change_their_mind(self):
        delivered = quarantined()
        delivered.decide(DAY, EntryKind.PARTITION_DISCARDED)
        RELEASE.check(record_of(delivered))
        assert REJECT.is_made(record_of(delivered))
        delivered.decide(DAY, EntryKind.PARTITION_RELEASED)
        REJECT.check(record_of(delivered))
        RELEASE.check(record_of(delivered))
        assert RELEASE.is_made(record_of(delivered))

    def test_it_is_named_with_its_revision(self):
        delivered = quarantined()
        delivered.ingest(DAY, rows=1)
        assert named(record_of(delivered)) == f"{MODEL} {DAY} (revision 2)"


class TestTheFold:
    """What `LedgerState.of` makes of the kinds by which a person decides."""

    def test_a_release_lets_a_quarantined_day_pass(self):
        delivered = quarantined()
        delivered.decide(DAY, EntryKind.PARTITION_RELEASED)
        record = record_of(delivered)
        assert (record.status, record.decided_by) == (PartitionStatus.ACCEPTED, "person:anna")

    def test_a_discarded_day_is_in_no_list_of_what_may_be_read(self):
        delivered = accepted()
        delivered.decide(DAY, EntryKind.PARTITION_DISCARDED)
        state = LedgerState.of(delivered.ledger.entries(MODEL))
        assert state.keys(PartitionStatus.ACCEPTED) == ()
        assert state.keys(PartitionStatus.DISCARDED) == (DAY,)

    @pytest.mark.parametrize(
        ("kind", "failures", "status"),
        [
            (EntryKind.PARTITION_RELEASED, [failure()], PartitionStatus.ACCEPTED),
            (EntryKind.PARTITION_DISCARDED, [], PartitionStatus.DISCARDED),
        ],
    )
    def test_a_later_judgement_does_not_overrule_a_person(self, kind, failures, status):
        delivered = quarantined()
        delivered.decide(DAY, kind)
        payload = {"partition": DAY, "data_sha256": delivered.snapshots[DAY][-1].data_sha256}
        judged = EntryKind.PARTITION_REJECTED if failures else EntryKind.PARTITION_ACCEPTED
        delivered.ledger.append(MODEL, judged, payload, actor="run:night")
        assert record_of(delivered).status is status

    def test_a_decision_ends_with_a_new_delivery(self):
        delivered = quarantined()
        delivered.decide(DAY, EntryKind.PARTITION_RELEASED)
        delivered.ingest(DAY, rows=1)
        record = record_of(delivered)
        assert (record.status, record.decided_by) == (PartitionStatus.INGESTED, None)
        delivered.judge(DAY, [failure()])
        assert record_of(delivered).status is PartitionStatus.QUARANTINED

    def test_a_decision_about_other_bytes_changes_nothing(self):
        delivered = quarantined()
        old = delivered.snapshots[DAY][-1]
        delivered.ingest(DAY, rows=1)
        payload = {"partition": DAY, "revision": 1, "data_sha256": old.data_sha256, "reason": "late"}
        delivered.ledger.append(MODEL, EntryKind.PARTITION_RELEASED, payload, actor="person:anna")
        assert record_of(delivered).status is PartitionStatus.INGESTED

    def test_a_decision_about_an_unknown_day_changes_nothing(self):
        delivered = quarantined()
        payload = {"partition": "2024-06-01", "data_sha256": "0" * 64, "reason": "typo"}
        delivered.ledger.append(MODEL, EntryKind.PARTITION_RELEASED, payload, actor="person:anna")
        assert set(LedgerState.of(delivered.ledger.entries(MODEL)).partitions) == {DAY}

    @given(
        st.lists(
            st.sampled_from(
                [
                    EntryKind.PARTITION_ACCEPTED,
                    EntryKind.PARTITION_REJECTED,
                    EntryKind.PARTITION_RELEASED,
                    EntryKind.PARTITION_DISCARDED,
                ]
            ),
            max_size=8,
        )
    )
    def test_the_last_word_is_a_persons_if_there_is_one(self, kinds):
        delivered = ingested()
        payload = {"partition": DAY, "data_sha256": delivered.snapshots[DAY][-1].data_sha256, "reason": "why"}
        for kind in kinds:
            delivered.ledger.append(MODEL, kind, payload, actor=f"by:{kind}")
        by_persons = [kind for kind in kinds if kind in {choice.kind for choice in Choice}]
        expected = {
            EntryKind.PARTITION_ACCEPTED: PartitionStatus.ACCEPTED,
            EntryKind.PARTITION_REJECTED: PartitionStatus.QUARANTINED,
            EntryKind.PARTITION_RELEASED: PartitionStatus.ACCEPTED,
            EntryKind.PARTITION_DISCARDED: PartitionStatus.DISCARDED,
        }
        last = (by_persons or kinds or [None])[-1]
        record = record_of(delivered)
        assert record.status is expected.get(last, PartitionStatus.INGESTED)
        assert record.decided_by == (f"by:{by_persons[-1]}" if by_persons else None)


class TestSinceWhen:
    """Entries of `Delivered` all have one moment; the clock of this ledger ticks an hour an entry."""

    @staticmethod
    def hours(delivered: Delivered) -> dict[str, int]:
        return {key: moment.hour for key, moment in standing_since(delivered.ledger.entries(MODEL)).items()}

    @pytest.fixture
    def delivered(self):
        delivered = Delivered()
        first = delivered.ledger._clock().replace(hour=0, minute=0)
        delivered.ledger._clock = lambda: first.replace(hour=len(delivered.ledger.entries(MODEL)))
        return delivered

    def test_a_second_rejection_does_not_start_the_wait_anew(self, delivered):
        delivered.ingest(DAY)
        path = delivered.judge(DAY, [failure()])
        payload = {"partition": DAY, "data_sha256": delivered.snapshots[DAY][-1].data_sha256, "report_path": path}
        delivered.ledger.append(MODEL, EntryKind.PARTITION_REJECTED, payload, actor="run:night")
        assert self.hours(delivered) == {DAY: 1}

    def test_a_decision_and_a_new_delivery_do(self, delivered):
        delivered.ingest(DAY)
        delivered.judge(DAY, [failure()])
        delivered.decide(DAY, EntryKind.PARTITION_RELEASED)
        assert self.hours(delivered) == {DAY: 2}
        delivered.ingest(DAY, rows=1)
        assert self.hours(delivered) == {DAY: 3}

    def test_entries_about_other_things_do_not_matter(self, delivered):
        delivered.ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, {"version": "v"}, actor="run:night")
        delivered.ledger.append(
            MODEL, EntryKind.PARTITION_REJECTED, {"partition": DAY, "data_sha256": "0" * 64}, actor="run:night"
        )
        assert self.hours(delivered) == {}
