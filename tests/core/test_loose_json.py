import pytest

from titlebout.core.loose_json import integer, is_number, mapping, mappings, share


@pytest.mark.parametrize("value", [None, True, "3", [], {}, 10**400, -(10**400), float("nan"), float("inf")])
def test_what_is_no_measured_number_counts_as_not_there(value):
    assert not is_number(value)
    assert integer(value) is None
    assert share(value) is None


def test_numbers_counts_and_shares_are_told_apart():
    assert (integer(3), integer(-3), integer(3.5)) == (3, None, None)
    assert (share(0.25), share(7), share(-1)) == (0.25, 1.0, 0.0)


def test_what_is_no_object_counts_as_an_empty_one():
    assert (mapping({"a": 1}), mapping([1]), mapping(None)) == ({"a": 1}, {}, {})
    assert (mappings([{"a": 1}, 3, None]), mappings("ab"), mappings({"a": {}})) == ([{"a": 1}], [], [])
