from datetime import UTC, datetime, timedelta

import pytest

from fakes.demand_days import DemandWorld
from fakes.ledger import MemoryLedger
from fakes.tracked import a_challenger
from titlebout.core.alerts.alerts import ADVICE, TITLES, due_alerts
from titlebout.core.alerts.happenings import TOLD_KINDS, Happening, happenings, staleness
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.specs.alerts_spec import AlertCause

NOW = datetime(2024, 5, 2, 6, tzinfo=UTC)
SERVES = {"version": "v2", "partition": "2024-05-01", "token": 1, "reason": "2 % better", "url": None}


def told(kind, payload, actor="run:scheduled__1"):
    ledger = MemoryLedger()
    ledger.append("demand", kind, payload, actor=actor)
    return [*happenings(ledger.entries("demand"))]


CASES = [
    (
        EntryKind.PARTITION_REJECTED,
        {"partition": "2024-05-01", "data_sha256": "0" * 64, "failures": ["rows: found 0, wanted 24"]},
        AlertCause.PARTITION_REJECTED,
        "2024-05-01 is in quarantine: rows: found 0, wanted 24",
        "titlebout/demand/partitions/2024-05-01",
    ),
    (
        EntryKind.PARTITION_LATE,
        {"partition": "2024-05-01", "deadline": "2024-05-02T06:00:00+00:00"},
        AlertCause.PARTITION_LATE,
        "2024-05-01 was not there at 2024-05-02T06:00:00+00:00",
        "",
    ),
    (
        EntryKind.DRIFT_FOUND,
        {
            "champion": "v1",
            "newest_partition": "2024-05-02",
            "drifted_partitions": ["2024-05-01", "2024-05-02"],
            "columns": {"temperature": 2.345},
        },
        AlertCause.DRIFT_FOUND,
        "2024-05-01, 2024-05-02 drifted from what v1 knows: temperature 2.3 x its limit",
        "titlebout/demand/drift/2024-05-02",
    ),
    (
        EntryKind.RETRAIN_STOPPED,
        {"cause": "no gain", "why": "3 retrains in a row won nothing"},
        AlertCause.RETRAIN_STOPPED,
        "no gain: 3 retrains in a row won nothing",
        "",
    ),
    (
        EntryKind.PERFORMANCE_LOST,
        {
            "champion": "v1",
            "lost_partitions": ["2024-05-01", "2024-05-02"],
            "metric": "rmse",
            "loss": 0.255,
            "is_estimate": False,
        },
        AlertCause.PERFORMANCE_LOST,
        "v1 on 2024-05-01, 2024-05-02: rmse 25.5% above that of its bout",
        "",
    ),
    (
        EntryKind.PERFORMANCE_WARNED,
        {"champion": "v1", "partitions": ["2024-05-02"], "text": "the scores moved"},
        AlertCause.PERFORMANCE_LOST,
        "v1 on 2024-05-02, a warning only: the scores moved",
        "",
    ),
    (
        EntryKind.RELEASE_SETTLED,
        SERVES,
        AlertCause.CHAMPION_CHANGED,
        "v2 serves: 2 % better",
        "titlebout/demand/bouts/2024-05-01",
    ),
    (
        EntryKind.RELEASE_SETTLED,
        {**SERVES, "withdraws": "v3"},
        AlertCause.ROLLED_BACK,
        "v2 serves again instead of v3: 2 % better",
        "",
    ),
    (
        EntryKind.RELEASE_ASKED,
        {"version": "v2", "partition": "2024-05-01", "champion": "v1", "timeout_hours": 12},
        AlertCause.RELEASE_ASKED,
        "may v2 take the place of v1? Without an answer within 12 hours: no.",
        "titlebout/demand/bouts/2024-05-01",
    ),
    (
        EntryKind.RELEASE_ASKED,
        {"version": "v1", "partition": "2024-05-01", "champion": None},
        AlertCause.RELEASE_ASKED,
        "may v1 serve, as the first?",
        "titlebout/demand/bouts/2024-05-01",
    ),
    (
        EntryKind.TRIAL_KEPT,
        {"trial": 7, "version": "v2", "reasons": ["the time of the split is over", "not proven better"]},
        AlertCause.TRIAL_KEPT,
        "v2 did not win its trial, the champion stays: the time of the split is over; not proven better",
        "titlebout/demand/trials/7",
    ),
    (
        EntryKind.TRIAL_FAILED,
        {"trial": 7, "version": "v2", "reasons": ["score distance too large", "no traffic"]},
        AlertCause.TRIAL_FAILED,
        "v2 did not pass its trial: score distance too large; no traffic",
        "",
    ),
    (
        EntryKind.SKEW_FOUND,
        {"kind": "features", "version": "v2", "newest_partition": "2024-05-01", "message": "a in 5.0% of 40 rows"},
        AlertCause.SKEW_FOUND,
        "2024-05-01, v2: a in 5.0% of 40 rows",
        "",
    ),
    (
        EntryKind.RELEASE_FAILED,
        {"version": "v2", "partition": "2024-05-01", "token": 1, "error": "golden row 3 differs"},
        AlertCause.RELEASE_FAILED,
        "v2 was not released, what served before serves on: golden row 3 differs",
        "titlebout/demand/bouts/2024-05-01",
    ),
    (
        EntryKind.SKEW_FOUND,
        {"version": "v2", "newest_partition": "2024-05-01", "message": "3 of 40 rows score differently"},
        AlertCause.SKEW_FOUND,
        "2024-05-01, v2: 3 of 40 rows score differently",
        "",
    ),
    (
        EntryKind.CANDIDATE_CHECKED,
        {"check": {"version": "v2", "image": "serving:latest", "problems": ["out of memory", "too slow"]}},
        AlertCause.RELEASE_FAILED,
        "v2 did not pass in image serving:latest, what served before serves on: out of memory; too slow",
        "",
    ),
]


@pytest.mark.parametrize(("kind", "payload", "cause", "line", "page"), CASES)
def test_an_entry_is_told_in_a_line(kind, payload, cause, line, page):
    assert told(kind, payload) == [Happening(cause, "entry 1", line, page)]


def test_a_check_that_was_passed_is_no_news():
    assert not told(EntryKind.CANDIDATE_CHECKED, {"check": {"version": "v2", "image": "serving:latest"}})


def test_every_kind_that_is_told_is_read_above():
    answers = {EntryKind.RELEASE_APPROVED, EntryKind.RELEASE_DECLINED}  # read, so that a question is over
    assert {kind for kind, *_ in CASES} == TOLD_KINDS - answers
    assert {cause for _, _, cause, *_ in CASES} == set(AlertCause) - {
        AlertCause.CHAMPION_STALE,
        AlertCause.LEDGER_TAMPERED,
    }
    assert set(TITLES) == set(ADVICE) == set(AlertCause)


def test_only_a_question_that_waits_for_its_answer_is_told():
    ledger = MemoryLedger()

    def happen(kind: EntryKind, **payload) -> list[Happening]:
        named = {"partition": "2024-05-01", "champion": "v1", **payload}
        ledger.append("demand", kind, named, actor="run:scheduled__1")
        return [*happenings(ledger.entries("demand"))]

    (first,) = happen(EntryKind.RELEASE_ASKED, version="v2")
    assert not happen(EntryKind.RELEASE_DECLINED)
    (again,) = happen(EntryKind.RELEASE_ASKED, version="v2")
    assert first.about != again.about
    (next_night,) = happen(EntryKind.RELEASE_ASKED, version="v3")  # the one before was never answered
    assert "v3" in next_night.line
    assert not happen(EntryKind.RELEASE_APPROVED)


def test_a_days_rows_say_nothing():
    world = DemandWorld()
    world.deliver("2024-05-01")
    assert not [*happenings(world.ledger.entries("demand"))]


def test_bad_days_of_a_backfill_are_left_to_whoever_started_it():
    rejected = {"partition": "2024-05-01", "data_sha256": "0" * 64}
    for run in ("run:backfill__2024-05-01", "run:run__2024-05-01"):
        assert not told(EntryKind.PARTITION_REJECTED, rejected, actor=run)
        assert told(EntryKind.RELEASE_SETTLED, SERVES, actor=run)
    assert told(EntryKind.PARTITION_REJECTED, rejected, actor="run:manual__1")


def test_a_long_error_stays_a_line():
    (found,) = told(EntryKind.RELEASE_FAILED, {"version": "v2", "partition": "2024-05-01", "error": "x" * 5000})
    assert len(found.line) <= 400


@pytest.mark.parametrize(("limit", "is_stale"), [(11, False), (10, False), (9.5, True)])
def test_a_champion_is_stale_when_the_data_is_further_than_the_limit(limit, is_stale):
    world = DemandWorld()
    world.deliver_days("2024-05-01", "2024-05-11")
    world.deliver("2024-05-12", accepted=False)
    assert not [*staleness(world.ledger.state("demand"), limit)]
    world.release(a_challenger("demand", "2024-05-01-0123456789ab").model_copy(update={"partition": "2024-05-01"}))
    found = [*staleness(world.ledger.state("demand"), limit)]
    assert bool(found) is is_stale
    if found:
        assert found[0].line.startswith("2024-05-01-0123456789ab is 10 days older than the newest data (2024-05-11)")


class TestDue:
    FOUND = tuple(
        Happening(AlertCause.PARTITION_REJECTED, f"entry {number}", f"bad {number}", f"p/{number}") for number in (1, 2)
    )

    def due(self, found=FOUND, ledger=None, **more):
        entries = (ledger or MemoryLedger()).entries("demand")
        return due_alerts("demand", found, entries, now=NOW, quiet=timedelta(hours=12), **more)

    def sent(self, hours_ago, *about, cause="partition_rejected"):
        ledger = MemoryLedger(clock=lambda: NOW - timedelta(hours=hours_ago))
        payload = {"cause": cause, "about": list(about), "channels": ["mail"]}
        ledger.append("demand", EntryKind.ALERT_SENT, payload, actor="test")
        return ledger

    def test_one_message_tells_all_that_is_new_of_a_cause(self):
        late = Happening(AlertCause.PARTITION_LATE, "entry 3", "late")
        first, second = self.due((*self.FOUND, late), ui_address="http://airflow/")
        assert (first.about, first.lines) == (("entry 1", "entry 2"), ("bad 1", "bad 2"))
        assert first.pages == ("http://airflow/p/1", "http://airflow/p/2")
        assert first.subject == "demand: data in quarantine (2)"
        assert (second.subject, second.pages) == ("demand: data is late", ("http://airflow/titlebout/demand",))

    def test_nothing_is_told_twice(self):
        assert not self.due(ledger=self.sent(100, "entry 1", "entry 2"))
        (alert,) = self.due(ledger=self.sent(100, "entry 1"))
        assert alert.about == ("entry 2",)

    def test_for_a_while_a_cause_is_held_back_and_others_are_not(self):
        assert not self.due(ledger=self.sent(11.9, "entry 1"))
        assert self.due(ledger=self.sent(12, "entry 1"))
        assert self.due(ledger=self.sent(1, "entry 1", cause="partition_late"))

    def test_a_question_is_never_held_back(self):
        question = Happening(AlertCause.RELEASE_ASKED, "entry 9", "may v2 serve?")
        (alert,) = self.due((question,), ledger=self.sent(1, "entry 1", cause="release_asked"))
        assert "Required Actions" in alert.text
        assert not self.due((question,), ledger=self.sent(1, "entry 9", cause="release_asked"))

    def test_many_lines_are_cut_and_counted(self):
        many = [Happening(AlertCause.DRIFT_FOUND, str(number), f"line {number}") for number in range(13)]
        (alert,) = self.due(many)
        assert "line 9\nand 3 more\n" in alert.text
        assert "line 10" not in alert.text


def test_a_value_of_the_data_does_not_look_like_a_line_of_ours():
    hostile = "found a\r\n\nhttp://evil.example/log-in \x1b[2J\u202egnp"
    payload = {"partition": "2024-05-01", "data_sha256": "0" * 64, "failures": [hostile]}
    ((happening),) = told(EntryKind.PARTITION_REJECTED, payload)
    assert happening.line == "2024-05-01 is in quarantine: found a http://evil.example/log-in [2J gnp"
