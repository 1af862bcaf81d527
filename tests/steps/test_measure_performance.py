from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from fakes.answered import answer
from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.forged import forge
from fakes.ledger import MemoryLedger
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError, UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.performance.change_causes import CauseOfChange
from titlebout.core.performance.performance_results import ScoreSource, Standing
from titlebout.core.results import RunContext, RunKind
from titlebout.core.versions import read_version
from titlebout.steps.measure_performance import ACTOR, measure_performance
from titlebout.steps.score_partition import score_partition
from titlebout.steps.train_challenger import train_challenger


def measure(world):
    return measure_performance(world.spec, lake=world.lake, ledger=world.ledger)


def serving(*, last="2024-01-18", **changes):
    """A champion that learned from January 1 to 10 and won on January 11 to 13; all days until `last` are there."""
    world = DemandWorld(spec=demand_spec(**changes))
    delay = world.spec.dataset.label_delay_days
    world.deliver_days("2024-01-01", last)
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    champion = train_challenger(world.spec, run_of(f"2024-01-{13 + delay}"), **stores)
    world.release(champion)
    return world, champion.version


def deliver(world, first, last, **change):
    for key in keys_between(first, last):
        world.deliver(key, demand_rows(key, **change))


def measured(report):
    return {(day.partition, day.standing, day.source): day for day in report.measured}


def by_hand(world, version, key):
    """The error of a version on a day, scored and added up without what is tested."""
    run = RunContext(partition=key, run_id="hand", kind=RunKind.BACKFILL)
    other = DemandWorld(spec=world.spec, lake=world.lake, ledger=MemoryLedger())
    other.ledger.chains = {name: list(chain) for name, chain in world.ledger.chains.items()}
    file = score_partition(world.spec, run, lake=world.lake, ledger=other.ledger, version=version)
    table = pa.parquet.read_table(pa.BufferReader(world.lake.read(file.scores_path)))
    labels = demand_rows(key).sort_by([("day", "ascending"), ("hour", "ascending")])["rentals"].to_numpy()
    return float(np.sqrt(np.mean((table["score"].to_numpy() - labels) ** 2)))


# What is measured


def test_where_nothing_was_scored_the_champion_is_replayed_and_it_says_so():
    world, version = serving()
    report = measure(world)
    keys = [*keys_between("2024-01-11", "2024-01-18")]
    assert [(day.partition, day.source, day.standing) for day in report.measured] == [
        (key, ScoreSource.REPLAYED, Standing.REALISED) for key in keys
    ]
    assert [day.is_holdout for day in report.measured] == [True] * 3 + [False] * 5
    day = report.measured[-1]
    assert day.error == pytest.approx(by_hand(world, version, "2024-01-18"))
    assert (day.version, day.metric, day.unit, day.rows) == (version, "rmse", "rentals", 24)
    assert (day.counts.scored, day.counts.judged) == (24, 24)
    entries = world.ledger.entries("demand", kinds={EntryKind.PERFORMANCE_MEASURED})
    assert (len(entries), {entry.actor for entry in entries}) == (8, {ACTOR})


def test_days_add_up():
    world, _ = serving()
    days = measure(world).measured
    rows, loss = sum(day.rows for day in days), sum(day.loss for day in days)
    errors = np.repeat([day.error for day in days], [day.rows for day in days])
    assert np.sqrt(loss / rows) == pytest.approx(np.sqrt(np.mean(errors**2)))


def test_a_second_look_measures_nothing_and_finds_the_same():
    world, _ = serving()
    deliver(world, "2024-01-19", "2024-01-20", level=1.5)
    first = measure(world)
    before = world.ledger.entries("demand")
    second = measure(world)
    assert second == first.model_copy(update={"measured": ()})
    assert second.finding is not None
    assert world.ledger.entries("demand") == before


def test_batch_scores_of_the_version_that_served_count_before_a_replay():
    world, version = serving()
    # In the ledger's time the champion serves since now; a day that has not ended yet ends after that.
    key = "2999-01-01"
    world.deliver(key, with_day(demand_rows("2024-01-18"), key))
    run = RunContext(partition=key, run_id="r", kind=RunKind.SCHEDULED)
    score_partition(world.spec, run, lake=world.lake, ledger=world.ledger)
    found = {day.partition: day for day in measure(world).measured}
    assert (found[key].source, found[key].version, found[key].rows) == (ScoreSource.BATCH, version, 24)
    assert found["2024-01-18"].source is ScoreSource.REPLAYED


def with_day(rows, key):
    return rows.set_column(0, "day", pa.array([date.fromisoformat(key)] * rows.num_rows, pa.date32()))


def test_scores_that_were_asked_for_by_name_were_not_given_to_anybody():
    world, version = serving()
    run = run_of("2024-01-18")
    score_partition(world.spec, run, lake=world.lake, ledger=world.ledger, version=version)
    assert {day.source for day in measure(world).measured} == {ScoreSource.REPLAYED}


def test_labels_that_come_late_are_booked_on_the_day_of_the_prediction():
    world, version = serving(dataset__label_delay_days=2, last="2024-01-20")
    first = measured(measure(world))
    assert ("2024-01-19", Standing.ESTIMATED, ScoreSource.REPLAYED) in first
    assert ("2024-01-19", Standing.REALISED, ScoreSource.REPLAYED) not in first
    world.deliver_days("2024-01-21", "2024-01-21")
    second = measured(measure(world))
    day = second["2024-01-19", Standing.REALISED, ScoreSource.REPLAYED]
    assert day.error == pytest.approx(by_hand(world, version, "2024-01-19"))
    assert ("2024-01-21", Standing.ESTIMATED, ScoreSource.REPLAYED) in second
    assert len(second) == 2


def test_labels_later_than_the_newest_partitions_are_measured_when_they_come(monkeypatch):
    """A model of every hour whose labels take days: when they come, many newer partitions are there."""
    for name in ("steps.measure_performance.MOST_NEWEST", "core.performance.loss_judgement.MOST_PAST"):
        monkeypatch.setattr(f"titlebout.{name}", 3)
    world, _ = serving(dataset__label_delay_days=5, last="2024-01-30")
    realised = [day.partition for day in measure(world).measured if day.standing is Standing.REALISED]
    assert [*keys_between("2024-01-23", "2024-01-25")] == realised[-3:]
    world.deliver("2024-01-31")
    assert [day.partition for day in measure(world).measured if day.standing is Standing.REALISED] == ["2024-01-26"]


def test_labels_that_are_there_too_early_are_not_looked_at():
    """Backfilled days have all labels at once; by then nobody could have known those of the last two."""
    world, _ = serving(dataset__label_delay_days=2, last="2024-01-20")
    realised = [day.partition for day in measure(world).measured if not day.is_estimate]
    assert realised[-1] == "2024-01-18"


def test_of_several_revisions_the_newest_accepted_one_says_what_came_true():
    world, version = serving()
    measure(world)
    corrected = demand_rows("2024-01-18", level=2.0)
    world.deliver("2024-01-18", corrected, revision=2)
    (again,) = measure(world).measured
    assert (again.partition, again.version) == ("2024-01-18", version)
    assert again.error > 20
    assert measure(world).measured == ()


def test_a_partition_that_went_into_quarantine_is_neither_measured_nor_judged():
    world, _ = serving()
    measure(world)
    for key in ("2024-01-16", "2024-01-18"):
        world.deliver(key, demand_rows(key, level=3.0), revision=2, accepted=False)
    deliver(world, "2024-01-19", "2024-01-19")
    world.deliver("2024-01-20", demand_rows("2024-01-20", level=3.0), accepted=False)
    report = measure(world)
    assert [day.partition for day in report.measured] == ["2024-01-19"]
    assert report.looked_at == ("2024-01-15", "2024-01-17", "2024-01-19")
    assert report.finding is None
    assert report.causes == (CauseOfChange.BROKEN_DATA,)


def test_without_a_champion_there_is_nothing_to_measure():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-13")
    report = measure(world)
    assert (report.champion, report.measured, report.reason) == (None, (), "no champion serves yet")


def test_a_champion_that_was_rolled_back_is_judged_no_more():
    world, old = serving()
    measure(world)
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    newer = train_challenger(world.spec, run_of("2024-01-18"), **stores)
    world.release(newer)
    world.deliver_days("2024-01-19", "2024-01-20")
    deliver(world, "2024-01-21", "2024-01-23", level=1.5)
    assert measure(world).finding.champion == newer.version
    world.release(type("Version", (), {"version": old, "partition": "2024-01-13"}))
    report = measure(world)
    assert (report.champion, report.finding.champion) == (old, old)
    of_old = [day.partition for day in report.measured]
    assert of_old == [*keys_between("2024-01-19", "2024-01-23")]  # what it did not score when the other one served


# The inference log

LOGGED = {"training__features__date_parts": {"day": ["weekday"]}, "serving__log": {"enabled": True}}


def logged_day(world, key):
    return demand_rows(key).sort_by([("day", "ascending"), ("hour", "ascending")])


def test_answers_of_the_log_are_joined_by_key_with_rows_that_came_later():
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-18")
    answer(world, "2024-01-17", rows, version, rows["rentals"].to_numpy() + 4.0)  # asked the evening before
    day = measured(measure(world))["2024-01-17", Standing.REALISED, ScoreSource.LOG]
    assert (day.rows, day.error) == (24, pytest.approx(4.0))
    assert day.labels_from == ("2024-01-16", "2024-01-17", "2024-01-18")
    assert (day.counts.judged, day.counts.unknown, day.counts.unscored) == (24, 0, 0)


def test_answers_about_what_happens_much_later_are_joined_when_it_has(monkeypatch):
    for name in ("steps.measure_performance.MOST_NEWEST", "core.performance.loss_judgement.MOST_PAST"):
        monkeypatch.setattr(f"titlebout.{name}", 3)
    world, version = serving(**LOGGED, performance__label_partitions=6, last="2024-01-24")
    rows = logged_day(world, "2024-01-24")
    answer(world, "2024-01-18", rows, version, rows["rentals"].to_numpy() + 4.0)
    day = measured(measure(world))["2024-01-18", Standing.REALISED, ScoreSource.LOG]
    assert (day.rows, day.error) == (24, pytest.approx(4.0))


def test_given_answers_are_judged_and_not_what_would_have_been_answered():
    world, version = serving(**LOGGED)
    for key in ("2024-01-17", "2024-01-18"):
        rows = logged_day(world, key)
        answer(world, key, rows, version, rows["rentals"].to_numpy() + 90.0)
    report = measure(world)
    assert report.finding.lost_partitions == ("2024-01-17", "2024-01-18")
    assert report.finding.error == pytest.approx(90.0)


def test_repeated_unknown_and_keyless_answers_are_counted():
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-18")
    answer(world, "2024-01-18", rows, version, rows["rentals"].to_numpy() + 50, number=1)
    answer(world, "2024-01-18", rows, version, rows["rentals"].to_numpy() + 4, number=2)  # the last word
    strangers = with_day(rows, "2030-01-01")
    answer(world, "2024-01-18", strangers, version, [1.0] * 24, number=3)
    nobody = rows.slice(0, 3).set_column(1, "hour", pa.array([None] * 3, pa.int64()))
    answer(world, "2024-01-18", nobody, version, [1.0] * 3, number=4)
    day = measured(measure(world))["2024-01-18", Standing.REALISED, ScoreSource.LOG]
    assert day.error == pytest.approx(4.0)
    counts = day.counts
    assert (counts.scored, counts.judged, counts.repeated, counts.unknown) == (51, 24, 24, 27)


def test_answers_on_trial_are_not_the_champions():
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-18")
    for number, role in enumerate(("candidate", "shadow")):
        answer(world, "2024-01-18", rows, version, [0.0] * 24, role=role, number=number)
    assert {day.source for day in measure(world).measured} == {ScoreSource.REPLAYED}
    answer(world, "2024-01-18", rows, version, rows["rentals"].to_numpy() + 4.0, number=2)
    answer(world, "2024-01-18", rows, version, [0.0] * 24, role="shadow", number=3)
    day = measured(measure(world))["2024-01-18", Standing.REALISED, ScoreSource.LOG]
    assert (day.error, day.counts.repeated) == (pytest.approx(4.0), 0)


def test_a_log_of_a_version_that_the_lake_does_not_hold_is_left_out_and_noted():
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-18")
    answer(world, "2024-01-18", rows, "2023-01-01-ffffffffffff", [0.0] * 24)
    report = measure(world)
    assert {day.version for day in report.measured} == {version}
    assert report.notes == (
        "2024-01-18: scores of 2023-01-01-ffffffffffff are left out, the lake holds no such version",
    )


def test_an_answer_on_a_day_that_the_version_learned_from_proves_nothing():
    """A server's clock that is a week slow, or days that were sent again."""
    world, _ = serving(**LOGGED)
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    newer = train_challenger(world.spec, run_of("2024-01-18"), **stores)
    rows = logged_day(world, "2024-01-12")
    answer(world, "2024-01-12", rows, newer.version, rows["rentals"].to_numpy())
    report = measure(world)
    assert newer.version not in {day.version for day in report.measured}
    assert f"{newer.version} was trained on that day" in report.notes[0]


def test_a_look_that_died_between_two_versions_of_a_log_is_finished_by_the_next():
    world, old = serving(**LOGGED)
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    newer = train_challenger(world.spec, run_of("2024-01-18"), **stores).version  # learned until January 15
    rows = logged_day(world, "2024-01-18")
    answer(world, "2024-01-18", rows.slice(0, 12), old, [0.0] * 12, number=1)
    answer(world, "2024-01-18", rows.slice(12), newer, [0.0] * 12, number=2)

    class DyingLedger(MemoryLedger):
        def append(self, model, kind, payload, **options):
            entry = super().append(model, kind, payload, **options)
            if payload.get("source") == ScoreSource.LOG:
                raise UnavailableError(payload["version"])
            return entry

    dying = DyingLedger()
    dying.chains = world.ledger.chains
    with pytest.raises(UnavailableError):
        measure_performance(world.spec, lake=world.lake, ledger=dying)
    measure(world)
    entries = world.ledger.entries("demand", kinds={EntryKind.PERFORMANCE_MEASURED})
    logged = [entry.payload["version"] for entry in entries if entry.payload["source"] == ScoreSource.LOG]
    assert sorted(logged) == sorted([old, newer])
    assert measure(world).measured == ()


def test_the_log_of_a_day_is_measured_once_the_day_is_over():
    """Its log grows all day, and a look comes with each part of it: each would be an entry that says nothing."""
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-19")
    for number, hours in enumerate((rows.slice(0, 12), rows.slice(12))):
        answer(world, "2024-01-19", hours, version, hours["rentals"].to_numpy() + 4.0, number=number)
        assert "2024-01-19" not in {day.partition for day in measure(world).measured}
    world.deliver("2024-01-19", rows)
    day = measured(measure(world))["2024-01-19", Standing.REALISED, ScoreSource.LOG]
    assert (day.rows, day.error) == (24, pytest.approx(4.0))


def test_the_log_of_a_day_in_quarantine_is_held_against_the_rows_of_its_neighbours():
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-18")
    answer(world, "2024-01-19", rows, version, rows["rentals"].to_numpy() + 4.0)
    world.deliver("2024-01-19", demand_rows("2024-01-19"), accepted=False)
    assert measured(measure(world))["2024-01-19", Standing.REALISED, ScoreSource.LOG].rows == 24


def test_an_empty_log_changes_nothing():
    world, version = serving(**LOGGED)
    answer(world, "2024-01-18", logged_day(world, "2024-01-18").slice(0, 0), version, [])
    report = measure(world)
    assert (report.notes, {day.source for day in report.measured}) == ((), {ScoreSource.REPLAYED})


def test_a_log_without_keys_is_noted_and_the_request_id_may_be_one():
    world, version = serving(serving__log={"enabled": True})
    rows = logged_day(world, "2024-01-18")
    answer(world, "2024-01-18", rows, version, rows["rentals"].to_numpy())
    report = measure(world)
    assert report.notes == (
        "the log has no key column day, which is no feature; send it as x-request-id and name it in "
        "performance.request_id_column",
    )
    assert {day.source for day in report.measured} == {ScoreSource.REPLAYED}

    named, version = serving(serving__log={"enabled": True}, performance__request_id_column="day")
    ids = [str(day) for day in rows["day"].to_pylist()]
    answer(named, "2024-01-18", rows, version, rows["rentals"].to_numpy() + 4.0, request_ids=ids)
    day = measured(measure(named))["2024-01-18", Standing.REALISED, ScoreSource.LOG]
    assert (day.rows, day.error) == (24, pytest.approx(4.0))


def test_a_request_id_that_is_no_key_is_unknown_and_the_others_count():
    """A probe sends none, and the server names its request; that must not hide a day of answers."""
    world, version = serving(serving__log={"enabled": True}, performance__request_id_column="day")
    rows = logged_day(world, "2024-01-18")
    ids = ["0123456789abcdef-1", *(str(day) for day in rows["day"].to_pylist()[1:])]
    answer(world, "2024-01-18", rows, version, rows["rentals"].to_numpy() + 4.0, request_ids=ids)
    day = measured(measure(world))["2024-01-18", Standing.REALISED, ScoreSource.LOG]
    assert (day.rows, day.error, day.counts.unknown) == (23, pytest.approx(4.0), 1)


def test_hashed_keys_are_not_joined():
    world, version = serving(**{**LOGGED, "serving__log": {"enabled": True, "columns": {"hour": "hash"}}})
    answer(world, "2024-01-18", logged_day(world, "2024-01-18"), version, [0.0] * 24)
    assert measure(world).notes == ("the log keeps key column hour as hash; labels are joined by its value",)


def test_a_label_that_one_delivery_contradicts_is_not_used():
    world, version = serving(**LOGGED)
    rows = logged_day(world, "2024-01-19")
    twice = pa.concat_tables([rows, rows.slice(0, 2), demand_rows("2024-01-19", level=2.0).slice(5, 3)])
    world.deliver("2024-01-19", twice)
    answer(world, "2024-01-19", rows, version, rows["rentals"].to_numpy() + 4.0)
    day = measured(measure(world))["2024-01-19", Standing.REALISED, ScoreSource.LOG]
    assert (day.counts.judged, day.counts.contradicted, day.counts.doubled) == (21, 3, 2)
    assert day.error == pytest.approx(4.0)


def test_days_that_the_spec_as_it_is_now_cannot_read_are_left_out_and_noted():
    world, _ = serving()
    measure(world)
    world.deliver("2024-01-19", demand_rows("2024-01-19"))
    columns = {**world.spec.dataset.model_dump(mode="json")["columns"], "humidity": "number"}
    world.spec = demand_spec(dataset__columns=columns)
    world.deliver("2024-01-20", demand_rows("2024-01-20").append_column("humidity", pa.array([0.5] * 24)))
    report = measure(world)
    assert [day.partition for day in report.measured] == ["2024-01-20"]
    (note,) = [note for note in report.notes if "is left out" in note]
    assert note.startswith("2024-01-19 is left out: ")
    assert "humidity" in note


# Estimates


def test_an_estimate_is_marked_and_made_once():
    world, _ = serving(dataset__label_delay_days=2, last="2024-01-22")
    report = measure(world)
    estimates = [day for day in report.measured if day.is_estimate]
    assert [day.partition for day in estimates] == ["2024-01-21", "2024-01-22"]
    for day in estimates:
        assert day.method == "direct loss estimation"
        assert day.error_low < day.error < day.error_high
        assert (day.counts.judged, day.counts.waiting) == (0, 24)
    world.deliver_days("2024-01-23", "2024-01-23")
    again = measure(world).measured
    assert [(day.partition, day.is_estimate) for day in again] == [("2024-01-21", False), ("2024-01-23", True)]


def test_an_estimate_says_whether_its_scores_were_given_to_anybody():
    world, _ = serving(dataset__label_delay_days=2, last="2024-01-22")
    given, replayed = "2999-01-01", "2999-01-02"  # the champion serves since now, and these end after that
    for key in (given, replayed):
        world.deliver(key, with_day(demand_rows("2024-01-18"), key))
    run = RunContext(partition=given, run_id="r", kind=RunKind.SCHEDULED)
    score_partition(world.spec, run, lake=world.lake, ledger=world.ledger)
    sources = {day.partition: day.source for day in measure(world).measured if day.is_estimate}
    assert sources == {given: ScoreSource.BATCH, replayed: ScoreSource.REPLAYED}


def test_an_estimate_warns_and_asks_for_nothing():
    world, _ = serving(dataset__label_delay_days=5, last="2024-01-24", performance__newest_partitions=2)
    easy = measure(world)
    assert easy.finding is None
    raised = raised_errors(world, 9.0)
    report = measure_performance(raised.spec, lake=raised.lake, ledger=raised.ledger)
    assert report.finding is None
    (warning,) = [each for each in report.warnings if each.cause is CauseOfChange.PERFORMANCE_LOSS]
    assert warning.is_estimate
    assert EntryKind.PERFORMANCE_LOST not in raised.kinds()
    assert EntryKind.PERFORMANCE_WARNED in raised.kinds()
    acting = raised.spec.model_copy(
        update={"performance": raised.spec.performance.model_copy(update={"act_on_estimates": True})}
    )
    found = measure_performance(acting, lake=raised.lake, ledger=raised.ledger).finding
    assert found.is_estimate


def raised_errors(world, factor):
    """The same ledger with estimates so many times as high as they were made."""
    ledger = MemoryLedger()
    for entry in world.ledger.entries("demand"):
        payload = dict(entry.payload)
        if entry.kind is EntryKind.PERFORMANCE_MEASURED and payload["standing"] == "estimated":
            payload |= {name: payload[name] * factor for name in ("error", "error_low", "error_high")}
        if entry.kind is not EntryKind.PERFORMANCE_WARNED:
            ledger.append("demand", entry.kind, payload, actor=entry.actor, once=entry.once)
    return DemandWorld(spec=world.spec, lake=world.lake, ledger=ledger)


def test_few_labels_of_a_day_are_no_evidence_and_it_is_estimated_too():
    world, _ = serving()
    rows = demand_rows("2024-01-19", level=3.0)
    labels = [label if hour < 11 else None for hour, label in enumerate(rows["rentals"].to_pylist())]
    world.deliver("2024-01-19", rows.set_column(4, "rentals", [labels]))
    found = measured(measure(world))
    day = found["2024-01-19", Standing.REALISED, ScoreSource.REPLAYED]
    assert (day.rows, day.counts.waiting) == (11, 13)
    assert ("2024-01-19", Standing.ESTIMATED, ScoreSource.REPLAYED) in found


# What is found


def test_a_loss_is_found_recorded_and_found_again_after_the_cooldown():
    world, version = serving()
    deliver(world, "2024-01-19", "2024-01-20", level=1.5)
    report = measure(world)
    finding = report.finding
    assert (finding.champion, finding.is_estimate) == (version, False)
    assert finding.lost_partitions == ("2024-01-19", "2024-01-20")
    assert report.causes[0] is CauseOfChange.PERFORMANCE_LOSS
    entry = world.ledger.entries("demand", kinds={EntryKind.PERFORMANCE_LOST})[-1]
    assert entry.once == f"performance_lost:{finding.fingerprint}"
    for key, is_found in (("2024-01-21", False), ("2024-01-22", False), ("2024-01-23", True)):
        deliver(world, key, key, level=1.5)
        report = measure(world)
        assert (report.finding is not None) == is_found, key
        assert CauseOfChange.PERFORMANCE_LOSS in report.causes  # it is one all the time


def test_one_bad_day_is_no_loss_and_neither_is_one_that_is_over():
    world, _ = serving()
    deliver(world, "2024-01-19", "2024-01-19", level=1.5)
    assert measure(world).finding is None
    deliver(world, "2024-01-20", "2024-01-20", level=1.5)
    deliver(world, "2024-01-21", "2024-01-21")
    report = measure(world)
    assert report.finding is None
    assert "but the newest (2024-01-21) is not" in report.reason


def test_what_is_less_than_the_smallest_loss_is_none():
    world, _ = serving(performance__smallest_loss=9.0)
    deliver(world, "2024-01-19", "2024-01-21", level=1.5)
    assert measure(world).finding is None


def test_ordinary_days_are_no_loss():
    world, _ = serving(last="2024-02-10")
    report = measure(world)
    assert (report.finding, report.causes) == (None, ())


def test_a_young_champion_has_no_past_to_be_judged_by():
    world, _ = serving(last="2024-01-16")
    deliver(world, "2024-01-14", "2024-01-16", level=2.0)
    report = measure(world)
    assert report.finding is None
    assert report.reason == "the champion has 3 older days with labels, 5 are needed to judge by"


def test_scores_that_moved_are_a_warning_without_labels():
    world, _ = serving(dataset__label_delay_days=5, last="2024-01-24")
    measure(world)
    for key in keys_between("2024-01-25", "2024-01-27"):  # only evenings are asked about
        world.deliver(key, demand_rows(key).set_column(1, "hour", pa.array([20, 21, 22, 23] * 6)))
    report = measure(world)
    assert CauseOfChange.PREDICTION_DRIFT in report.causes
    assert report.finding is None
    (moved,) = [each for each in report.warnings if each.cause is CauseOfChange.PREDICTION_DRIFT]
    assert moved.newest_partition == "2024-01-27"
    for key, is_told in (("2024-01-28", False), ("2024-01-29", False), ("2024-01-30", True)):  # not every night
        world.deliver(key, demand_rows(key).set_column(1, "hour", pa.array([20, 21, 22, 23] * 6)))
        report = measure(world)
        assert CauseOfChange.PREDICTION_DRIFT in report.causes
        assert bool([each for each in report.warnings if each.cause is CauseOfChange.PREDICTION_DRIFT]) == is_told


def test_a_model_that_was_replaced_in_the_lake_is_not_even_loaded(monkeypatch):
    world, version = serving(last="2024-01-14")
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    other = train_challenger(world.spec, run_of("2024-01-14"), **stores)
    forge(world.lake, read_version(world.lake, "demand", version), other)
    monkeypatch.setattr("titlebout.core.versions.Predictor.load", lambda *_, **__: pytest.fail("was loaded"))
    with pytest.raises(CorruptObjectError, match="the ledger recorded"):
        measure(world)
