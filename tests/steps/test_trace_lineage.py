"""From a version back to its rows, from a day's rows to versions, and to those that learned from rows now gone."""

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.trained import add_bout, add_version
from titlebout.core.errors import CorruptObjectError, ObjectMissingError, PartitionMissingError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind, PartitionStatus
from titlebout.core.partitions import keys_between
from titlebout.core.provenance import Fate
from titlebout.core.results import Outcome
from titlebout.steps.trace_lineage import trace_partition, trace_restated, trace_version

DAYS = tuple(keys_between("2024-01-01", "2024-01-10"))


@pytest.fixture
def world():
    """Ten accepted days, and three versions of the nights 8, 9 and 10 with windows of five and two days."""
    world = DemandWorld()
    world.deliver_days(DAYS[0], DAYS[-1])
    world.versions = [add_version(world, DAYS[n], DAYS[n - 6 : n - 1], DAYS[n - 1 : n + 1]) for n in (7, 8, 9)]
    return world


def restate(world, key, *, accepted=True, revision=2):
    return world.deliver(key, demand_rows(key, level=1.0 + revision), accepted=accepted, revision=revision)


def decide(world, key, kind):
    snapshot = world.ledger.state("demand").partitions[key].snapshot
    payload = {"partition": key, "revision": snapshot.revision, "data_sha256": snapshot.data_sha256, "reason": "why"}
    world.ledger.append("demand", kind, payload, actor="person:anna")


def of_version(world, version):
    return trace_version("demand", version, lake=world.lake, ledger=world.ledger)


def of_day(world, key, revision=None):
    return trace_partition("demand", key, revision=revision, lake=world.lake, ledger=world.ledger)


def restated(world):
    return trace_restated("demand", lake=world.lake, ledger=world.ledger)


def names(records):
    return [record.version for record in records]


class TestAVersion:
    def test_it_is_told_with_every_snapshot_and_where_that_came_from(self, world):
        made = world.versions[0]
        found = of_version(world, made.version)
        assert [each.partition for each in found.training] == list(DAYS[1:6])
        assert [each.partition for each in found.holdout] == list(DAYS[6:8])
        first = found.training[0]
        assert (first.revision, first.rows, first.source_uri) == (1, 24, f"memory:///raw/{DAYS[1]}.csv")
        assert first.data_sha256 == made.proof.training[0].data_sha256
        assert first.change is None
        assert (found.recipe_sha256, found.code_version) == (made.recipe_sha256, made.code_version)
        assert found.record.trained_by == f"run:{DAYS[7]}"

    def test_its_bouts_are_those_it_fought_on_either_side(self, world):
        first, second, third = world.versions
        add_bout(world, first, None)
        add_bout(world, second, first)
        add_bout(world, third, second)
        bouts = of_version(world, second.version).bouts
        assert [(bout.challenger, bout.champion) for bout in bouts] == [
            (second.version, first.version),
            (third.version, second.version),
        ]
        assert bouts[0].outcome is Outcome.PROMOTE

    def test_when_it_served_ends_with_the_next_one(self, world):
        first, second, _ = world.versions
        for made in (first, first, second, first):  # served again after a reboot, beaten, rolled back
            world.release(made)
        spans = of_version(world, first.version).record.reigns
        (reign,) = of_version(world, second.version).record.reigns
        assert [span.until for span in spans] == [reign.since, None]
        assert reign.until == spans[1].since
        assert of_version(world, world.versions[2].version).record.reigns == ()

    def test_what_became_of_its_days_is_told(self, world):
        restate(world, DAYS[2])
        decide(world, DAYS[3], EntryKind.PARTITION_DISCARDED)
        world._append(
            EntryKind.PARTITION_REJECTED,
            {"partition": DAYS[4], "data_sha256": world.versions[0].proof.training[3].data_sha256},
        )
        changes = {each.partition: each.change for each in of_version(world, world.versions[0].version).training}
        assert {key: change.fate for key, change in changes.items() if change} == {
            DAYS[2]: Fate.SUPERSEDED,
            DAYS[3]: Fate.DISCARDED,
            DAYS[4]: Fate.QUARANTINED,
        }
        assert (changes[DAYS[2]].by, changes[DAYS[3]].by) == ("revision 2", "person:anna")

    def test_rows_that_the_ledger_does_not_know_are_said_to_be_unknown(self, world):
        world.ledger.chains["demand"] = [
            entry for entry in world.ledger.chains["demand"] if DAYS[2] not in str(entry.payload.get("snapshot"))
        ]
        changes = {each.partition: each.change for each in of_version(world, world.versions[0].version).training}
        assert changes[DAYS[2]].fate is Fate.UNKNOWN
        assert changes[DAYS[3]] is None

    def test_one_that_was_never_trained_is_no_path_in_the_lake(self, world):
        class Untouchable:
            def __getattr__(self, name):
                pytest.fail(f"the lake was asked: {name}")

        for version in ("2024-01-08-00000000000f", "../../etc/passwd", ""):
            with pytest.raises(ObjectMissingError, match="demand has no version"):
                trace_version("demand", version, lake=Untouchable(), ledger=world.ledger)

    def test_a_damaged_manifest_is_an_error(self, world):
        made = world.versions[0]
        world.lake.objects[version_manifest("demand", made.version)] = b"{}"
        with pytest.raises(CorruptObjectError):
            of_version(world, made.version)

    def test_a_really_trained_one_is_found(self, world):
        made = world.train(DAYS[-1])
        found = of_version(world, made.version)
        assert [each.data_sha256 for each in found.training] == [ref.data_sha256 for ref in made.proof.training]
        assert found.record.run_url == "memory://registry/run-1"


class TestADay:
    def test_it_knows_who_learned_from_it_and_who_was_judged_on_it(self, world):
        first, second, third = world.versions
        for made, champion in ((first, None), (second, first), (third, first)):
            add_bout(world, made, champion)
        world.release(first)
        found = of_day(world, DAYS[7])
        assert names(found.trained) == [third.version]
        assert [bout.challenger for bout in found.judged] == [first.version, second.version]
        assert names(found.versions) == [first.version, second.version]
        assert [bool(record.reigns) for record in found.versions] == [True, False]

    def test_each_revision_has_versions_of_its_own(self, world):
        old = world.versions
        restate(world, DAYS[4])
        new = add_version(world, DAYS[9], DAYS[3:8], DAYS[8:10])
        assert names(of_day(world, DAYS[4]).trained) == [new.version]
        assert names(of_day(world, DAYS[4], revision=1).trained) == [made.version for made in old]
        assert of_day(world, DAYS[4], revision=1).newest_revision == 2

    def test_a_bout_belongs_to_the_revision_that_stood_when_it_was_decided(self, world):
        first, second, _ = world.versions
        add_bout(world, first, None)
        restate(world, DAYS[7])
        add_bout(world, second, None)
        assert [bout.challenger for bout in of_day(world, DAYS[7], revision=1).judged] == [first.version]
        assert [bout.challenger for bout in of_day(world, DAYS[7]).judged] == [second.version]

    def test_bytes_that_came_back_as_another_revision_are_the_same_bytes(self, world):
        restate(world, DAYS[4])
        world.deliver(DAYS[4], revision=3)
        assert len(of_day(world, DAYS[4]).trained) == 3
        assert restated(world).versions == ()

    def test_only_nights_from_that_day_on_are_looked_at(self, world):
        del world.lake.objects[version_manifest("demand", world.versions[0].version)]
        assert of_day(world, DAYS[8]).unreadable == ()
        assert of_day(world, DAYS[7]).unreadable == (world.versions[0].version,)

    def test_a_decision_is_told_with_its_person(self, world):
        decide(world, DAYS[3], EntryKind.PARTITION_DISCARDED)
        found = of_day(world, DAYS[3])
        assert (found.status, found.decided_by) == (PartitionStatus.DISCARDED, "person:anna")

    def test_an_unknown_day_or_revision_is_named(self, world):
        with pytest.raises(PartitionMissingError, match="2025-01-01 was never ingested"):
            of_day(world, "2025-01-01")
        with pytest.raises(PartitionMissingError, match="has the revisions 1, not 7"):
            of_day(world, DAYS[0], revision=7)


class TestRestated:
    def test_nothing_was_and_no_manifest_is_read(self, world):
        world.lake.objects.clear()
        assert restated(world).versions == restated(world).unreadable == ()

    def test_versions_that_learned_from_rows_now_gone_are_listed_newest_first_with_the_days(self, world):
        restate(world, DAYS[2])
        restate(world, DAYS[1], accepted=False)
        decide(world, DAYS[3], EntryKind.PARTITION_DISCARDED)
        found = restated(world).versions
        assert [(each.record.version, [used.partition for used in each.days]) for each in found] == [
            (world.versions[2].version, [DAYS[3]]),
            (world.versions[1].version, [DAYS[2], DAYS[3]]),
            (world.versions[0].version, [DAYS[1], DAYS[2], DAYS[3]]),
        ]

    def test_a_day_of_the_holdout_taught_nobody(self, world):
        restate(world, DAYS[9])
        assert restated(world).versions == ()

    def test_a_release_after_all_clears_it(self, world):
        decide(world, DAYS[3], EntryKind.PARTITION_DISCARDED)
        assert len(restated(world).versions) == 3
        decide(world, DAYS[3], EntryKind.PARTITION_RELEASED)
        assert restated(world).versions == ()

    def test_a_version_without_a_readable_manifest_is_in_doubt(self, world):
        restate(world, DAYS[2])
        world.lake.objects[version_manifest("demand", world.versions[1].version)] = b"{}"
        found = restated(world)
        assert found.unreadable == (world.versions[1].version,)
        assert names(each.record for each in found.versions) == [world.versions[0].version]

    def test_a_lake_that_does_not_answer_is_worth_a_retry_and_no_answer(self, world, monkeypatch):
        restate(world, DAYS[2])

        def down(*_, **__):
            raise UnavailableError("the lake does not answer")

        monkeypatch.setattr(world.lake, "read", down)
        with pytest.raises(UnavailableError):
            restated(world)
