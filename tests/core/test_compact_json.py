"""msgspec is used where it says what `json` says: same values, same types, same refusals."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from titlebout.core.compact_json import compact, compact_or_null, parsed

TEXTS = st.text(max_size=8) | st.sampled_from([":", '":', "a:b", " :", '"', "\\", "\n", "é", "\ud800", "null"])
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([2**70, -(2**63), -0.0])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
BLANKS = st.sampled_from(["", " ", "\n", "\t ", "\r"])


def twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) < len(pairs):
        message = "a key comes twice"
        raise ValueError(message)
    return dict(pairs)


def by_json(body: bytes) -> object:
    return json.loads(body.decode(), object_pairs_hook=twice)


@given(VALUES, BLANKS, BLANKS, st.booleans())
def test_what_is_parsed_is_what_json_parses(value, before, after, is_ascii):
    text = json.dumps({"rows": value}, separators=(f"{before},{after}", f"{before}:{after}"), ensure_ascii=is_ascii)
    body = text.encode("utf-8", "surrogatepass")
    found = parsed(body)
    if found is not None:
        assert repr(found) == repr(by_json(body))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(['":"', "x", ":", "1"])), max_size=5), BLANKS, BLANKS)
def test_no_key_that_comes_twice_gets_through(pairs, before, after):
    row = ",".join(f"{json.dumps(key)}{before}:{after}{json.dumps(value)}" for key, value in pairs)
    body = f'{{"rows":[{{{row}}}]}}'.encode()
    found = parsed(body)
    if len(dict(pairs)) < len(pairs):
        assert found is None
    elif found is not None:
        assert found == by_json(body)


@given(st.binary(max_size=12))
@example(b"01")
@example(b"1.")
@example(b"+1")
@example(b"NaN")
@example(b"1e999")
@example(b'"\x01"')
@example(b'"\xed\xa0\x80"')
@example(b'"\xff"')
@example(b"[1,]")
@example(rb'"\ud800"')
@example(rb'"\ud83d\ude00"')
@example(rb'"\ud83dx"')
@example(rb'[{"a\"":1,"a\"":2}]')
@example(rb'[{"a":1,"\u0061":2},":"]')
@example(rb'[{"a":1,"a":2}],"x\":":"y"')
@example(b"9" * 5000)
@example(b"[" * 100_000)
def test_what_json_refuses_or_reads_otherwise_is_left_to_it(inside):
    body = b'{"rows":' + inside + b"}"
    found = parsed(body)
    if found is not None:
        assert repr(found) == repr(by_json(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"rows":[{"hour":8,"weather":"rain","at":"2024-01-01T00:00:00Z"}]}',
        b'{"rows": [{"hour": 8, "temperature": null}, {"hour": 9, "temperature": 1e3}]}',
        b'{"id":"7","inputs":[{"name":"hour","shape":[2],"datatype":"INT64","data":[8,9]}]}',
    ],
)
def test_usual_requests_are_parsed_the_short_way(body):
    assert repr(parsed(body)) == repr(json.loads(body))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"a" :2}',
        b'{"a":1,"a"\n:2}',
        b'{"a":1,"\\u0061":2}',
        b'{"a":[{"b":1,"b":2}]}',
        b"null",
    ],
)
def test_what_is_in_doubt_is_left_to_json(body):
    assert parsed(body) is None


@given(VALUES)
def test_what_is_written_means_the_same_and_is_ascii(value):
    assert repr(json.loads(compact(value))) == repr(json.loads(json.dumps(value)))
    assert compact(value).isascii()
    assert repr(json.loads(compact_or_null(value))) == repr(json.loads(json.dumps(value)))
    assert b"\n" not in compact_or_null(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_answer_holds_what_is_no_number_and_the_log_holds_null(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        compact({"predictions": [1.0, number]})
    assert compact_or_null([1.0, number]) == b"[1.0,null]"
