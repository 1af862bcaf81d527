"""What the inference log keeps of each field."""

import json
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

from titlebout.core.inference_log.log_policy import LogPolicy, hashed
from titlebout.core.specs.dataset_spec import ColumnType
from titlebout.core.specs.serving_spec import ColumnPolicy, LogSection

KEY = "a key that nobody knows"
FIELDS = {"town": ColumnType.TEXT, "age": ColumnType.INTEGER, "income": ColumnType.NUMBER, "is_new": ColumnType.FLAG}
policies = some.dictionaries(some.sampled_from([*FIELDS]), some.sampled_from(ColumnPolicy))


@given(policies, some.sampled_from(ColumnPolicy), some.text(alphabet="qxzäéЖ", min_size=6))
def test_what_is_not_kept_as_it_is_is_nowhere_in_what_is_written(columns, default, secret):
    policy = LogPolicy(enabled=True, columns=columns, default=default, key=KEY)
    row = {"town": secret, "age": 41, "income": 1.5, "is_new": None}
    kept = policy.kept(FIELDS)
    written = {name: policy.redaction(name, FIELDS[name], UTC)(row[name]) for name in kept}
    assert set(written) == {name for name in FIELDS if columns.get(name, default) is not ColumnPolicy.DROP}
    for name, value in written.items():
        if columns.get(name, default) is ColumnPolicy.VALUE:
            assert value == row[name]
        elif row[name] is None:
            assert value is None
        else:
            assert (len(value), value == hashed(KEY, name, row[name], FIELDS[name], UTC)) == (32, True)
    if columns.get("town", default) is not ColumnPolicy.VALUE:
        assert json.dumps(secret)[1:-1] not in json.dumps(written)


@given(some.text(), some.text())
def test_equal_values_and_only_those_have_equal_hashes(one, other):
    assert (hashed(KEY, "town", one, ColumnType.TEXT, UTC) == hashed(KEY, "town", other, ColumnType.TEXT, UTC)) is (
        one == other
    )


def test_half_a_character_is_hashed_too():
    assert len(hashed(KEY, "town", "\ud800", ColumnType.TEXT, UTC)) == 32


def test_a_hash_depends_on_the_key_and_on_the_column():
    found = {hashed(key, column, "Oslo", ColumnType.TEXT, UTC) for key in (KEY, KEY + "!") for column in "ab"}
    assert len(found) == 4


@pytest.mark.parametrize(
    ("declared", "one", "other"),
    [
        (ColumnType.INTEGER, 5, 5.0),
        (ColumnType.NUMBER, 0.0, -0.0),
        (ColumnType.NUMBER, 5, 5.0),
        (ColumnType.TIMESTAMP, "2024-03-14T02:00:00Z", "2024-03-14T03:00:00+01:00"),
    ],
)
def test_the_meaning_is_hashed_and_not_the_spelling(declared, one, other):
    berlin = ZoneInfo("Europe/Berlin")
    assert hashed(KEY, "a", one, declared, berlin) == hashed(KEY, "a", other, declared, berlin)


def test_a_hash_without_a_key_is_refused():
    with pytest.raises(ValidationError, match="needs a key"):
        LogPolicy(enabled=True, columns={"town": ColumnPolicy.HASH})
    with pytest.raises(ValidationError, match="needs a key"):
        LogPolicy(enabled=True, default=ColumnPolicy.HASH)
    with pytest.raises(ValidationError, match="at least 16"):
        LogPolicy(enabled=True, default=ColumnPolicy.HASH, key="short")


def test_the_key_is_shown_nowhere_and_sent_only_where_it_is_needed():
    section = LogSection(enabled=True, columns={"default": "drop", "town": "hash"})
    policy = LogPolicy.of(section, KEY)
    assert (policy.key, policy.default, policy.columns) == (KEY, ColumnPolicy.DROP, {"town": ColumnPolicy.HASH})
    assert KEY not in repr(policy) + str(policy)
    assert LogPolicy.of(LogSection(enabled=True), KEY).key is None


@given(some.floats(0.05, 0.95))
def test_a_sample_takes_about_its_share_and_always_the_same_requests(share):
    policy = LogPolicy(enabled=True, sample_rate=share)
    names = [f"server-{number}" for number in range(2000)]
    taken = [name for name in names if policy.takes(name)]
    assert taken == [name for name in names if policy.takes(name)]
    assert abs(len(taken) / len(names) - share) < 0.1
