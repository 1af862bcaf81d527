"""Addresses as they may be shown."""

import pytest

from titlebout.core.addresses import shown_address, without_secrets


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://me:secret@mlflow.example:5000/base", "https://mlflow.example:5000/base"),
        ("postgresql+psycopg2://me:p%40ss@db/titlebout", "postgresql+psycopg2://db/titlebout"),
        ("https://token@mlflow.example", "https://mlflow.example"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db"),
    ],
)
def test_an_address_is_shown_without_user_and_password(uri, shown):
    assert shown_address(uri) == shown


def test_a_password_is_struck_out_as_it_stands_and_decoded():
    said = without_secrets("failed:\n p%40ss and p@ss", "postgresql://me:p%40ss@db/titlebout")

    assert said == "failed: *** and ***"


def test_an_address_without_password_hides_nothing():
    assert without_secrets("no such file", "sqlite:///mlflow.db") == "no such file"
