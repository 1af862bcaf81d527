"""Stores stay open between requests, and follow their connection."""

import json

import pytest

pytestmark = pytest.mark.airflow


def test_a_store_is_opened_once_and_anew_when_its_connection_changes(monkeypatch):
    from titlebout.web.stores import OpenStore

    def connect(root: str) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps({"conn_type": "generic", "extra": {"root_uri": root}}))

    opened = []
    store = OpenStore("store", lambda fields: opened.append(fields.extra["root_uri"]) or len(opened))
    connect("file:///a")
    assert (store.get(), store.get()) == (1, 1)
    connect("file:///b")
    assert (store.get(), store.get()) == (2, 2)
    assert opened == ["file:///a", "file:///b"]


def test_a_store_that_could_not_be_opened_is_tried_again(monkeypatch):
    from titlebout.core.errors import UnavailableError
    from titlebout.web.stores import OpenStore

    answers = iter([UnavailableError("down"), "store"])

    def build(fields):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps({"conn_type": "generic"}))
    store = OpenStore("store", build)
    with pytest.raises(UnavailableError):
        store.get()
    assert store.get() == "store"
