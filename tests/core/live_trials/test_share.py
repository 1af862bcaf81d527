from hypothesis import given
from hypothesis import strategies as st

from titlebout.core.live_trials.share import is_in_share, sticky_keys

KEYS = [f"customer {number}" for number in range(4000)]


def members(salt: str, percent: int) -> set[str]:
    return {key for key in KEYS if is_in_share(key, salt, percent)}


def test_a_share_has_its_size_and_only_grows():
    five, quarter, all_of_them = (members("demand:7", percent) for percent in (5, 25, 100))
    assert five < quarter < all_of_them
    assert len(all_of_them) == len(KEYS)
    assert abs(len(five) / len(KEYS) - 0.05) < 0.015
    assert abs(len(quarter) / len(KEYS) - 0.25) < 0.03
    assert members("demand:7", 0) == set()


def test_the_next_trial_is_tried_on_others():
    one, other = members("demand:7", 5), members("demand:8", 5)
    assert len(one & other) < len(one) / 4


@given(key=st.text(), salt=st.text(min_size=1), percent=st.integers(0, 100))
def test_any_key_belongs_or_does_not(key, salt, percent):
    assert is_in_share(key, salt, percent) == is_in_share(key, salt, percent)
    assert is_in_share(key, salt, 100)


def test_one_key_however_json_writes_its_number():
    rows = [{"id": 7}, {"id": 7.0}, {"id": "7"}, {"id": None}, {}]
    assert sticky_keys(rows, "id") == {"int:7", "str:7", "NoneType:None"}
