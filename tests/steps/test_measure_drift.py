import pyarrow as pa
import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.specs import demand_spec
from titlebout.core.errors import CorruptObjectError
from titlebout.core.layout import version_manifest
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.versions import read_version
from titlebout.steps.measure_drift import ACTOR, measure_drift
from titlebout.steps.tell_rows_apart import tell_rows_apart


def measure(world, spec=None):
    return measure_drift(spec or world.spec, lake=world.lake, ledger=world.ledger)


@pytest.fixture
def world():
    """A champion serves that was trained on the first ten days of January; the holdout is January 11 to 13."""
    return serving(demand_spec())


def serving(spec):
    world = DemandWorld(spec=spec)
    world.deliver_days("2024-01-01", "2024-01-13")
    champion = world.train("2024-01-13", spec)
    world.release(champion)
    return world


def deliver(world, first, last, **change):
    for key in keys_between(first, last):
        world.deliver(key, demand_rows(key, **change))


def test_ordinary_days_are_no_drift(world):
    world.deliver_days("2024-01-14", "2024-01-16")
    report = measure(world)
    assert report.finding is None
    assert report.looked_at == ("2024-01-14", "2024-01-15", "2024-01-16")
    assert report.reason == "0 of the newest 3 partitions drift, drift.drifted_partitions asks for 2"
    assert EntryKind.DRIFT_FOUND not in world.kinds()


@pytest.mark.parametrize(("change", "column"), [({"level": 1.8}, "rentals"), ({"warmer": 12.0}, "temperature")])
def test_a_changed_world_is_found_and_recorded(world, change, column):
    deliver(world, "2024-01-14", "2024-01-16", **change)
    report = measure(world)
    champion = report.champion
    assert report.finding.champion == champion
    assert column in report.finding.columns
    assert report.finding.newest_partition == "2024-01-16"
    entry = world.ledger.entries("demand")[-1]
    assert (entry.kind, entry.actor) == (EntryKind.DRIFT_FOUND, ACTOR)
    assert entry.once == f"drift:{report.finding.fingerprint}"
    assert entry.payload["newest_partition"] == "2024-01-16"


@pytest.mark.parametrize("look", [measure_drift, tell_rows_apart])
def test_whoever_writes_to_the_lake_alone_hides_no_drift(world, look):
    """Nothing would be newer than rows that the champion claims to have learned from."""
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    manifest = read_version(world.lake, "demand", world.ledger.state("demand").champion.version)
    *others, last = manifest.proof.training
    learned = (*others, last.model_copy(update={"partition": "2024-01-16"}))
    forged = manifest.model_copy(update={"proof": manifest.proof.model_copy(update={"training": learned})})
    world.lake.objects[version_manifest("demand", manifest.version)] = forged.model_dump_json().encode()
    with pytest.raises(CorruptObjectError, match="changed after the ledger recorded it"):
        look(world.spec, lake=world.lake, ledger=world.ledger)


def test_a_second_look_finds_the_same_and_records_nothing(world):
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    first = measure(world)
    entries = world.ledger.entries("demand")
    assert measure(world) == first
    assert world.ledger.entries("demand") == entries


def test_the_next_days_are_in_the_cooldown_and_the_day_after_it_is_not(world):
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    assert measure(world).finding
    for key in ("2024-01-17", "2024-01-18"):
        deliver(world, key, key, level=1.8)
        report = measure(world)
        assert report.finding is None
        assert "the last finding was on 2024-01-16, drift.cooldown_days is not over" in report.reason
    deliver(world, "2024-01-19", "2024-01-19", level=1.8)
    assert measure(world).finding.newest_partition == "2024-01-19"


def test_one_strange_day_is_no_drift(world):
    world.deliver_days("2024-01-14", "2024-01-15")
    deliver(world, "2024-01-16", "2024-01-16", level=1.8)
    report = measure(world)
    assert report.finding is None
    assert report.reason.startswith("1 of the newest 3 partitions drift")


def test_drift_that_is_over_is_no_drift(world):
    deliver(world, "2024-01-14", "2024-01-15", level=1.8)
    world.deliver_days("2024-01-16", "2024-01-16")
    report = measure(world)
    assert report.finding is None
    assert "but the newest (2024-01-16) does not" in report.reason


def test_broken_data_in_quarantine_is_never_drift(world):
    for key in keys_between("2024-01-14", "2024-01-16"):
        world.deliver(key, demand_rows(key, level=1.8), accepted=False)
    report = measure(world)
    assert report.looked_at == ("2024-01-11", "2024-01-12", "2024-01-13")
    assert report.finding is None


def test_without_a_champion_there_is_nothing_to_drift_from():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-13")
    report = measure(world)
    assert (report.champion, report.looked_at, report.finding) == (None, (), None)
    assert report.reason == "no champion serves yet"


def test_too_few_new_partitions_are_no_evidence():
    spec = demand_spec(drift__newest_partitions=4)
    report = measure(serving(spec))
    assert report.finding is None
    assert report.looked_at == ("2024-01-11", "2024-01-12", "2024-01-13")
    assert report.reason.startswith("3 accepted partitions are newer than the champion's training rows, drift.newest")


def test_a_champion_with_too_short_a_past_is_no_reference():
    world = serving(demand_spec(training__window_days=4))
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    report = measure(world)
    assert report.finding is None
    assert report.reason == (
        "not enough past to judge by: the champion was trained on 4 partitions, 5 are needed to know its usual changes"
    )


def test_a_past_that_is_too_short_to_be_held_against_itself_is_named_and_older_days_help():
    spec = demand_spec(training__window_days=5)
    world = DemandWorld(spec=spec)
    world.deliver_days("2024-01-06", "2024-01-13")
    world.release(world.train("2024-01-13", spec))
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    assert measure(world).reason == (
        "not enough past to judge by: 5 good daily partitions until 2024-01-10, the end of the champion's training; "
        "7 are needed. Older ones count: backfill them"
    )
    world.deliver_days("2024-01-04", "2024-01-05")
    assert "not enough past" not in measure(world).reason
    assert "partitions drift" in measure(world).reason


def test_the_spec_restricts_what_is_watched(world):
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    assert measure(world, demand_spec(drift__columns=["temperature"])).finding is None
    assert measure(world, demand_spec(drift__columns=["rentals"])).finding


def test_labels_that_cannot_be_known_yet_are_no_drift():
    """The newest two days have no labels; that the column is empty there says nothing."""
    world = serving(demand_spec(dataset__label_delay_days=2))
    for key in keys_between("2024-01-14", "2024-01-16"):
        rows = demand_rows(key)
        unknown = [None] * rows.num_rows if key > "2024-01-14" else rows["rentals"].to_pylist()
        world.deliver(key, rows.set_column(4, "rentals", [unknown]))
    assert measure(world).finding is None


def test_labels_that_should_be_known_and_are_not_are_drift(world):
    for key in keys_between("2024-01-14", "2024-01-16"):
        rows = demand_rows(key)
        world.deliver(key, rows.set_column(4, "rentals", [[None] * rows.num_rows]))
    assert "rentals" in measure(world).finding.columns


def test_each_snapshot_is_read_once_ever(world):
    """Afterwards its profile answers: the rows may be gone."""
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    first = measure(world)
    for path in [path for path in world.lake.objects if path.endswith("data.parquet")]:
        del world.lake.objects[path]
    assert measure(world) == first


@pytest.mark.parametrize("damage", [lambda text: text[:-40], lambda text: text.replace(b'"rows":24', b'"rows":25', 1)])
def test_a_damaged_profile_is_made_again_from_the_rows(world, damage):
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    first = measure(world)
    profiles = [path for path in world.lake.objects if "/profile-" in path]
    assert len(profiles) == 13
    for path in profiles:
        world.lake.objects[path] = damage(world.lake.objects[path])
    assert measure(world) == first


def test_rows_with_other_bytes_are_an_error(world):
    world.deliver_days("2024-01-14", "2024-01-16")
    path = next(path for path in world.lake.objects if path.endswith("data.parquet"))
    world.lake.objects[path] += b" "
    with pytest.raises(CorruptObjectError):
        measure(world)


def test_older_good_partitions_say_what_is_usual_and_quarantined_ones_do_not():
    """A past in which demand kept changing makes such a change usual; a broken past does not."""

    def champion_after(accepted):
        spec = demand_spec(dataset__first_partition="2023-11-01")
        world = DemandWorld(spec=spec)
        for number, key in enumerate(keys_between("2023-11-01", "2023-12-31")):
            world.deliver(key, demand_rows(key, level=1.8 if number % 24 < 12 else 1.0), accepted=accepted)
        world.deliver_days("2024-01-01", "2024-01-13")
        world.release(world.train("2024-01-13", spec))
        deliver(world, "2024-01-14", "2024-01-16", level=1.8)
        return world

    assert measure(champion_after(accepted=False)).finding
    assert measure(champion_after(accepted=True)).finding is None


def test_a_spec_that_the_training_rows_do_not_fit_any_more_gives_no_finding_and_says_why(world):
    """A column that is new in the spec: the champion was trained without it, and the next one will not be."""
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    newer = demand_spec(dataset__columns__humidity="number", drift__columns=["humidity", "rentals"])
    report = measure(world, newer)
    assert report.finding is None
    assert report.reason.startswith("not to be read by the spec as it is now: snapshot of 2024-01-1")
    assert "humidity" in report.reason


def test_older_partitions_that_the_spec_does_not_fit_any_more_are_left_out(caplog):
    before = demand_spec(
        dataset__columns={"day": "date", "hour": "integer", "temperature": "number", "rentals": "number"},
        training__features={"numeric": ["hour", "temperature"]},
        dataset__first_partition="2023-12-01",
    )
    world = DemandWorld(spec=before)
    for key in keys_between("2023-12-30", "2023-12-31"):
        world.deliver(key, demand_rows(key).drop_columns(["weather"]))
    world.spec = spec = demand_spec(dataset__first_partition="2023-12-01")
    world.deliver_days("2024-01-01", "2024-01-13")
    world.release(world.train("2024-01-13", spec))
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    assert measure(world).finding
    assert "2023-12-31 is left out of what drift is measured by" in caplog.text


def test_partitions_of_a_few_rows_are_no_evidence(world):
    for key in keys_between("2024-01-14", "2024-01-16"):
        world.deliver(key, demand_rows(key, level=9.0, rows=9))
    assert measure(world).finding is None
    assert measure(world, demand_spec(drift__min_rows=9)).finding


def test_a_finding_says_what_tells_the_newer_rows_apart(world):
    """Evidence from a sample of rows, the same however often it is asked for."""
    deliver(world, "2024-01-14", "2024-01-16", warmer=12.0)
    evidence = measure(world).finding.told_apart
    assert evidence.low > 0.5
    assert next(iter(evidence.columns)) == "temperature"
    assert (evidence.rows, evidence.reference_rows) == (3 * 24, 10 * 24)
    assert world.ledger.entries("demand")[-1].payload["told_apart"] == evidence.model_dump()
    assert "newer rows are told from training rows (AUC" in evidence.words
    assert tell_rows_apart(world.spec, lake=world.lake, ledger=world.ledger) == evidence


def test_rows_that_are_gone_cost_the_evidence_and_not_the_finding(world, caplog):
    deliver(world, "2024-01-14", "2024-01-16", level=1.8)
    measure(world, demand_spec(drift__newest_partitions=3, drift__drifted_partitions=3, drift__margin=90))
    for path in [path for path in world.lake.objects if path.endswith("data.parquet")]:
        del world.lake.objects[path]
    finding = measure(world).finding
    assert finding is not None
    assert finding.told_apart is None
    assert "told_apart" not in finding.as_json()
    assert "nobody knows what tells the newest rows apart" in caplog.text


def test_a_fact_of_the_day_is_not_judged_in_the_first_year_and_the_log_says_so(caplog):
    def on(key, weather):
        rows = demand_rows(key)
        return rows.set_column(3, "weather", pa.array([weather] * rows.num_rows))

    spec = demand_spec(drift__columns=["weather"])
    world = DemandWorld(spec=spec)
    for key in keys_between("2024-01-01", "2024-01-13"):
        world.deliver(key, on(key, "clear"))
    champion = world.train("2024-01-13", spec)
    world.release(champion)
    for key in keys_between("2024-01-14", "2024-01-16"):
        world.deliver(key, on(key, "rain"))
    with caplog.at_level("INFO"):
        assert measure(world).finding is None
    assert "not judged by their values: weather (one value per partition" in caplog.text


# --- bad input -----------------------------------------------------------------------------------------------------


def test_a_day_in_quarantine_is_no_hole_in_the_newest_days(world):
    """The newest *accepted* days are looked at, whatever lies between them."""
    deliver(world, "2024-01-14", "2024-01-14", level=1.8)
    world.deliver("2024-01-15", demand_rows("2024-01-15", level=9.0), accepted=False)
    deliver(world, "2024-01-16", "2024-01-17", level=1.8)
    report = measure(world)
    assert report.looked_at == ("2024-01-14", "2024-01-16", "2024-01-17")
    assert report.finding.drifted_partitions == report.looked_at


def test_a_day_that_goes_to_quarantine_after_a_finding_takes_the_finding_with_it(world):
    """A second revision of the newest day is rejected: the days before it are judged, as if it had never come."""
    world.deliver_days("2024-01-14", "2024-01-14")
    deliver(world, "2024-01-15", "2024-01-16", level=1.8)
    assert measure(world).finding.newest_partition == "2024-01-16"
    world.deliver("2024-01-16", demand_rows("2024-01-16", level=9.0), accepted=False, revision=2)
    report = measure(world)
    assert report.looked_at == ("2024-01-13", "2024-01-14", "2024-01-15")
    assert report.finding is None


def test_days_without_rows_are_no_drift_and_no_past(world):
    """An empty newest day is no bad day, so that the drift of the days before it is not known to last."""
    deliver(world, "2024-01-14", "2024-01-15", level=1.8)
    world.deliver("2024-01-16", demand_rows("2024-01-16").slice(0, 0))
    report = measure(world)
    assert report.finding is None
    assert "but the newest (2024-01-16) does not" in report.reason
    deliver(world, "2024-01-17", "2024-01-17", level=1.8)
    assert measure(world).finding.drifted_partitions == ("2024-01-15", "2024-01-17")


def test_after_a_rollback_the_champion_that_serves_is_the_reference(world):
    """The world changes, the next champion learns it, and is rolled back: what it learned is drift again."""
    first = measure(world).champion
    deliver(world, "2024-01-14", "2024-02-02", level=1.8)
    second = world.train("2024-02-02")
    world.release(second)
    assert measure(world).finding is None
    world.release(read_version(world.lake, "demand", first))
    report = measure(world)
    assert report.champion == report.finding.champion == first
    assert "rentals" in report.finding.columns


def test_a_day_from_a_clock_that_ran_ahead_does_not_silence_drift_for_ever(world):
    """It was accepted, found to drift and discarded; the days that follow are older than that finding."""
    deliver(world, "2024-01-14", "2024-01-14", level=1.8)
    deliver(world, "2024-03-01", "2024-03-02", level=1.8)
    assert measure(world).finding.newest_partition == "2024-03-02"
    for key in ("2024-03-01", "2024-03-02"):
        world.deliver(key, demand_rows(key), accepted=False, revision=2)
    deliver(world, "2024-01-15", "2024-01-16", level=1.8)
    assert measure(world).finding.newest_partition == "2024-01-16"
