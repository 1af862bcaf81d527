"""The report of a look, on real steps."""

import json
import logging
from functools import cache

import pytest

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.read_page import ReadPage
from fakes.specs import demand_spec
from titlebout.core.drift_accounts.drift_reported import DriftReported
from titlebout.core.drifting.drift_results import DriftReport
from titlebout.core.errors import UnavailableError
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.pages.drift_page import read_drift_account
from titlebout.core.partitions import keys_between
from titlebout.core.retraining.watch_report import WatchReport
from titlebout.steps.measure_drift import measure_drift
from titlebout.steps.measure_performance import measure_performance
from titlebout.steps.report_drift import ACTOR, Decided, report_drift, report_look
from titlebout.steps.train_challenger import train_challenger


@cache
def trained(changes):
    """Train a champion once, and let it serve."""
    world = DemandWorld(spec=demand_spec(**dict(changes)))
    world.deliver_days("2024-01-01", "2024-01-13")
    stores = {"lake": world.lake, "ledger": world.ledger, "registry": world.registry}
    world.release(train_challenger(world.spec, run_of("2024-01-13"), **stores))
    measure_drift(world.spec, lake=world.lake, ledger=world.ledger)  # leaves the profiles of the training days
    return world.lake.objects, world.ledger.entries("demand")


class Reported:
    """A world with a champion of January 1 to 10, and looks at it."""

    def __init__(self, **spec):
        self.world = DemandWorld(spec=demand_spec(**spec))
        objects, entries = trained(tuple(spec.items()))
        self.world.lake.objects = dict(objects)
        for entry in entries:
            self.world.ledger.append("demand", entry.kind, entry.payload, actor=entry.actor, once=entry.once)

    @property
    def stores(self):
        return {"lake": self.world.lake, "ledger": self.world.ledger}

    def deliver(self, first, last, **change):
        for key in keys_between(first, last):
            self.world.deliver(key, demand_rows(key, **change))

    def look(self, **decided):
        report = measure_drift(self.world.spec, **self.stores)
        return report, report_drift(self.world.spec, report, **self.stores, decided=Decided(**decided))

    def account(self, reported):
        account = read_drift_account(self.world.lake.read(reported.path, sha256=reported.sha256))
        assert account is not None
        return account

    def entries(self):
        return self.world.ledger.entries("demand", kinds={EntryKind.DRIFT_REPORTED})


@pytest.fixture
def drifted():
    reported = Reported()
    reported.deliver("2024-01-14", "2024-01-16", warmer=12.0)
    return reported


def test_a_look_leaves_a_document_and_a_page_and_the_ledger_names_both(drifted):
    report, reported = drifted.look()
    (entry,) = drifted.entries()
    assert entry.read(DriftReported) == reported
    assert entry.actor == ACTOR
    account = drifted.account(reported)
    assert account.report == report
    page = ReadPage(drifted.world.lake.read(reported.page_path).decode())
    page.check_harmless()
    assert "Drift found" in page.text
    assert "temperature, 2024-01-16" in page.text


def test_the_report_judges_the_newest_partitions_as_the_look_did(drifted):
    report, reported = drifted.look()
    columns = {column.name: column for column in drifted.account(reported).columns}
    assert report.finding
    for name, excess in report.finding.columns.items():
        changes = [columns[name].changes[key] for key in report.finding.drifted_partitions]
        assert max(change.excess for change in changes) == pytest.approx(excess, abs=2e-3)
    over = {name for name, column in columns.items() if any(column.changes[k].excess > 1 for k in report.looked_at)}
    assert over == {*report.finding.columns}
    assert next(iter(columns)) in report.finding.columns


def test_training_days_and_days_in_quarantine_stand_on_the_axis(drifted):
    drifted.world.deliver("2024-01-17", demand_rows("2024-01-17", warmer=12.0), accepted=False)
    drifted.world.deliver("2024-01-18", demand_rows("2024-01-18", warmer=12.0))
    _, reported = drifted.look()
    account = drifted.account(reported)
    days = {day.partition: day for day in account.days}
    assert (days["2024-01-17"].status, days["2024-01-18"].is_looked_at) == ("quarantined", True)
    assert days["2024-01-05"].is_trained
    temperature = next(column for column in account.columns if column.name == "temperature")
    assert "2024-01-17" not in temperature.changes
    assert "2024-01-05" in temperature.changes
    assert temperature.distribution
    assert temperature.distribution.unseen.newest > 0.5
    assert temperature.distances.kolmogorov_smirnov > 0.8


def test_a_second_look_that_says_the_same_writes_nothing_and_reads_no_profile(drifted):
    _, first = drifted.look()
    entries, objects = drifted.world.ledger.entries("demand"), dict(drifted.world.lake.objects)
    report = measure_drift(drifted.world.spec, **drifted.stores)
    drifted.world.lake.objects = {}  # whoever reads or writes now would fail or be seen
    assert report_drift(drifted.world.spec, report, **drifted.stores) == first
    assert drifted.world.lake.objects == {}
    drifted.world.lake.objects = objects
    assert drifted.world.ledger.entries("demand") == entries


@pytest.mark.parametrize("change", ["a new revision", "another champion", "a finding", "a run"])
def test_what_is_new_about_a_look_gets_a_report_of_its_own(change):
    reported = Reported()
    reported.deliver("2024-01-14", "2024-01-16")
    _, first = reported.look()
    asked = {}
    if change == "a new revision":
        rows = demand_rows("2024-01-16", rows=23)
        reported.world.deliver("2024-01-16", rows, revision=2)
    elif change == "another champion":
        stores = {**reported.stores, "registry": reported.world.registry}
        reported.world.release(train_challenger(reported.world.spec, run_of("2024-01-14"), **stores))
    elif change == "a finding":
        for key in keys_between("2024-01-15", "2024-01-16"):
            reported.world.deliver(key, demand_rows(key, warmer=12.0), revision=2)
    else:
        asked = {"run_id": "drift__2024-01-16__0123", "lines": ("asked",)}
    _, second = reported.look(**asked)
    assert second.sha256 != first.sha256
    assert len(reported.entries()) == 2


def test_it_reads_profiles_and_no_row(drifted, monkeypatch):
    report = measure_drift(drifted.world.spec, **drifted.stores)
    profiled = [path for path in drifted.world.lake.objects if "/profile-" in path]
    # Those that stand between the training window and what was looked at are made once, for good.
    assert len(profiled) == 10 + 3 + 3

    def refuse(path, *, sha256):
        pytest.fail(f"reads the rows of {path}")

    monkeypatch.setattr(drifted.world.lake, "local_copy", refuse)
    assert report_drift(drifted.world.spec, report, **drifted.stores)


def test_errors_and_scores_of_predictions_are_on_it(drifted):
    measure_performance(drifted.world.spec, **drifted.stores)
    _, reported = drifted.look()
    account = drifted.account(reported)
    known = {each.partition: each.realised for each in account.performance}
    assert known["2024-01-16"] > 0
    assert account.performance_metric == "rmse"
    scores = {each.partition: each for each in account.scores}
    assert scores["2024-01-16"].low <= scores["2024-01-16"].middle <= scores["2024-01-16"].high


def test_without_a_champion_the_report_says_so():
    world = DemandWorld()
    world.deliver_days("2024-01-01", "2024-01-03")
    stores = {"lake": world.lake, "ledger": world.ledger}
    report = measure_drift(world.spec, **stores)
    reported = report_drift(world.spec, report, **stores)
    assert reported
    assert reported.partition == "2024-01-03"
    assert "Nothing could be judged" in ReadPage(world.lake.read(reported.page_path).decode()).text


def test_before_the_first_accepted_partition_there_is_nothing_to_report():
    world = DemandWorld()
    world.deliver("2024-01-01", accepted=False)
    stores = {"lake": world.lake, "ledger": world.ledger}
    assert report_drift(world.spec, measure_drift(world.spec, **stores), **stores) is None
    assert world.kinds() == []


def test_a_champion_with_too_short_a_past_is_reported_without_a_map():
    reported = Reported(training__window_days=4, training__holdout_days=3)
    reported.deliver("2024-01-14", "2024-01-16")
    report, written = reported.look()
    assert report.finding is None
    assert reported.account(written).columns == ()


@pytest.mark.parametrize("error", [UnavailableError("the lake is down"), KeyError("bug"), ValueError("no JSON")])
def test_a_report_that_fails_never_fails_the_look(drifted, monkeypatch, caplog, error):
    def fail(path, data):
        raise error

    watch = WatchReport(
        model="demand",
        champion=drifted.world.ledger.state("demand").champion.version,
        drift=measure_drift(drifted.world.spec, **drifted.stores),
    )
    monkeypatch.setattr(drifted.world.lake, "publish", fail)
    with caplog.at_level(logging.ERROR):
        assert report_look(drifted.world.spec, watch, **drifted.stores) is None
    assert "the look stands, its report could not be written" in caplog.text
    assert not drifted.entries()


def test_an_interrupted_report_is_finished_by_the_next_look(drifted, monkeypatch):
    def fail(*args, **kwargs):
        raise UnavailableError("down")

    with monkeypatch.context() as patch:
        report = measure_drift(drifted.world.spec, **drifted.stores)
        patch.setattr(drifted.world.ledger, "append", fail)
        with pytest.raises(UnavailableError):
            report_drift(drifted.world.spec, report, **drifted.stores)
    _, reported = drifted.look()
    assert len(drifted.entries()) == 1
    assert json.loads(drifted.world.lake.read(reported.path))["partition"] == "2024-01-16"


def test_what_became_of_the_look_is_on_the_page(drifted):
    from titlebout.core.retraining.watch_report import AskedFor

    drift = measure_drift(drifted.world.spec, **drifted.stores)
    watch = WatchReport(
        model="demand",
        champion=drift.champion,
        drift=drift,
        asked_for=AskedFor(refusals=("drift: the cooldown is not over",)),
    )
    reported = report_look(drifted.world.spec, watch, **drifted.stores)
    assert reported
    assert "the cooldown is not over" in drifted.world.lake.read(reported.page_path).decode()


def test_a_hostile_partition_in_a_report_reaches_no_path(drifted):
    with pytest.raises(ValueError, match="pattern"):
        DriftReport(model="demand", champion=None, looked_at=("../../etc",), reason="x")
