"""`titlebout alerts` with a real mail server."""

import json

import pytest

from fakes.post_office import mail_server
from fakes.project_folder import make_project
from fakes.specs import demand_document
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.cli.main import main
from titlebout.core.ledgers.ledger import EntryKind


@pytest.fixture
def letters(tmp_path, monkeypatch):
    document = demand_document(alerts={"mail_to": ["ann@example.org"]})
    make_project(tmp_path, monkeypatch, document, demand_document(name="silent"))
    rejected = {"partition": "2024-05-01", "data_sha256": "0" * 64}
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    ledger.append("demand", EntryKind.PARTITION_REJECTED, rejected, actor="run:scheduled__1")
    with mail_server() as letters:
        server = {"host": "127.0.0.1", "port": letters.port, "extra": {"from": "t@example.org", "security": "none"}}
        monkeypatch.setenv("AIRFLOW_CONN_TITLEBOUT_MAIL", json.dumps(server))
        yield letters


def test_what_is_due_is_sent_once_and_shown(letters, capsys):
    assert main(["alerts", "demand"]) == 0
    assert "no message was sent yet" in capsys.readouterr().out
    assert main(["alerts", "demand", "--send"]) == 0
    assert "sent: demand: data in quarantine" in capsys.readouterr().out
    assert main(["alerts", "demand", "--send"]) == 0
    assert "nothing is due" in capsys.readouterr().out
    assert main(["alerts", "demand"]) == 0
    assert "data in quarantine (1)" in capsys.readouterr().out
    assert [letter["subject"] for letter in letters.received] == ["[titlebout] demand: data in quarantine"]


def test_whose_winner_was_tried_and_not_proven_better_is_told_by_mail(letters, tmp_path):
    ledger = SqlLedger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    kept = {"trial": 7, "version": "v2", "reasons": ["the time of the split is over", "140 of 200 outcomes"]}
    ledger.append("demand", EntryKind.TRIAL_KEPT, kept, actor="run:scheduled__1")
    assert main(["alerts", "demand", "--send"]) == 0
    letter = letters.received[-1]
    assert letter["subject"] == "[titlebout] demand: a trial ended, the champion stays"
    assert "the champion stays: the time of the split is over; 140 of 200 outcomes" in letter.get_content()
    assert "titlebout trial demand" in letter.get_content()


def test_what_is_sent_by_hand_bears_the_links_of_the_dags_messages(letters, capsys, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/base/")
    assert main(["alerts", "demand", "--send"]) == 0
    assert "https://airflow.example/base/titlebout/demand/partitions/" in letters.received[-1].get_content()
    assert main(["alerts", "demand", "--test"]) == 0
    assert "https://airflow.example/base/titlebout/demand" in letters.received[-1].get_content().splitlines()
    assert "without a link" not in capsys.readouterr().out


def test_a_test_message_is_recognised_as_one_and_leaves_no_trace(letters, capsys):
    assert main(["alerts", "demand", "--test"]) == 0
    assert "mail: sent\nwithout a link: AIRFLOW__API__BASE_URL is not set here" in capsys.readouterr().out
    (letter,) = letters.received
    assert "This is a test by `titlebout alerts demand --test`" in letter.get_content()
    main(["alerts", "demand"])
    assert "no message was sent yet" in capsys.readouterr().out


def test_where_nobody_is_told_it_says_how(letters, capsys):
    assert main(["alerts", "silent"]) == 1
    assert "give alerts.mail_to or alerts.webhook in its spec" in capsys.readouterr().out
