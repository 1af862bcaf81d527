"""`titlebout nights` says of every night how it ended, and why nothing was released."""

import json

import pytest

from fakes.chains import ACTOR, MODEL, snapshot, write_bike_sharing_ledger
from titlebout.cli.main import main
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.results import Outcome, Verdict

VERSION = "2012-10-31-0123456789ab"


@pytest.fixture
def ledger(tmp_path, monkeypatch):
    return write_bike_sharing_ledger(tmp_path / "ledger.sqlite", monkeypatch)


def bout(ledger, outcome=Outcome.KEEP, actor=ACTOR, day="2012-10-31"):
    """Bring a day in and hold its bout."""
    shot = snapshot(day).model_dump(mode="json")
    ledger.append(MODEL, EntryKind.PARTITION_INGESTED, {"snapshot": shot}, actor=actor)
    judged = {"partition": day, "revision": 1, "data_sha256": shot["data_sha256"], "report_path": "r.json"}
    ledger.append(MODEL, EntryKind.PARTITION_ACCEPTED, judged, actor=actor)
    trained = {"version": VERSION, "partition": day, "model_sha256": "a" * 64, "run_url": "http://mlflow"}
    ledger.append(MODEL, EntryKind.CHALLENGER_TRAINED, trained, actor=actor)
    verdict = Verdict(
        model=MODEL,
        partition=day,
        outcome=outcome,
        reasons=("gain -2 % over the champion",),
        challenger=VERSION,
        champion=None,
        metric="rmse",
    )
    ledger.append(MODEL, EntryKind.VERDICT_REACHED, {"verdict": verdict.as_json()}, actor=actor)


def lines(capsys, *arguments: str) -> dict[str, str]:
    assert main(["nights", MODEL, *arguments]) == 0
    return {line[:10]: line[12:] for line in capsys.readouterr().out.splitlines()}


def test_each_night_has_a_line_with_its_outcome(ledger, capsys):
    bout(ledger)
    found = lines(capsys)
    assert found["2012-10-28"].startswith("accepted      no bout")
    assert found["2012-10-29"].startswith("quarantine")
    assert found["2012-10-30"].startswith("released      2012-10-30-0123456789ab serves since ")
    assert found["2012-10-31"] == "keep          gain -2 % over the champion"


def test_a_night_that_left_nothing_is_told_as_well(ledger, capsys):
    bout(ledger, day="2012-11-02")
    assert lines(capsys)["2012-11-01"].startswith("unknown       nothing in the ledger")


def test_a_winner_of_a_backfill_says_why_it_is_not_released(ledger, capsys):
    bout(ledger, Outcome.PROMOTE, actor="run:backfill__2012-10-31")
    assert lines(capsys)["2012-10-31"].endswith("of the past, which by itself releases nothing")


@pytest.mark.parametrize(
    ("kind", "payload", "said"),
    [
        (
            EntryKind.RELEASE_FAILED,
            {"version": VERSION, "partition": "2012-10-31", "token": 1, "error": "golden row 3"},
            "not released",
        ),
        (EntryKind.PARTITION_LATE, {"partition": "2012-11-01", "deadline": "2012-11-02T06:00Z"}, "late"),
    ],
)
def test_a_failure_is_told_with_its_reason(ledger, capsys, kind, payload, said):
    bout(ledger)
    ledger.append(MODEL, kind, payload, actor=ACTOR)
    found = lines(capsys)[payload["partition"]]
    assert found.startswith(said)
    assert (payload.get("error") or payload.get("deadline")) in found


def test_days_that_ended_since_are_counted(ledger, capsys):
    assert "days that ended since" in "".join(lines(capsys).values())
    assert "ended since" not in "".join(lines(capsys, "--to", "2012-10-30").values())


def test_the_same_as_json(ledger, capsys):
    assert main(["nights", MODEL, "--from", "2012-10-30", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (night,) = document["nights"]
    assert (document["model"], night["partition"], night["outcome"]) == (MODEL, "2012-10-30", "released")


def test_nights_that_the_ledger_does_not_know_are_exit_code_1(ledger, capsys):
    assert main(["nights", MODEL, "--from", "2011-01-01", "--to", "2011-01-02"]) == 1
    assert capsys.readouterr().out.count("unknown") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bike_sharin"], "did you mean 'bike_sharing'?"),
        ([MODEL, "--from", "2012-10-30", "--to", "2012-10-01"], "swap them"),
        ([MODEL, "--from", "30.10.2012"], "is no partition key"),
    ],
)
def test_a_mistake_is_named(ledger, capsys, arguments, said):
    assert main(["nights", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_ledger_shows_a_verdict_with_its_reasons(ledger, capsys):
    bout(ledger)
    assert main(["ledger", "show", MODEL, "--kind", "verdict_reached"]) == 0
    assert "reason=gain -2 % over the champion" in capsys.readouterr().out
