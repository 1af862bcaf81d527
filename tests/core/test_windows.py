import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.windows import HISTORY_DAYS, Windows, days_before, nights_that_read, shared_batches


def test_the_holdout_ends_at_the_partition_and_training_ends_before_it():
    windows = Windows(demand_spec(), "2024-01-31")
    assert windows.holdout == ("2024-01-29", "2024-01-30", "2024-01-31")
    assert windows.training == tuple(keys_between("2024-01-19", "2024-01-28"))
    assert windows.keys == windows.training + windows.holdout


def test_labels_that_come_late_move_both_windows():
    windows = Windows(demand_spec(dataset__label_delay_days=2), "2024-01-31")
    assert windows.holdout == ("2024-01-27", "2024-01-28", "2024-01-29")
    assert windows.training[-1] == "2024-01-26"


def test_nothing_before_the_first_partition_is_asked_for():
    windows = Windows(demand_spec(), "2024-01-05")
    assert windows.training == ("2024-01-01", "2024-01-02")
    assert Windows(demand_spec(), "2024-01-02").training == ()
    assert Windows(demand_spec(), "2024-01-02").holdout == ("2024-01-01", "2024-01-02")
    assert Windows(demand_spec(), "2023-12-31").keys == ()


DAYS = st.integers(0, 2000).map(lambda days: shift_key("2024-01-01", days))


@given(partition=DAYS, window=st.integers(1, 400), holdout=st.integers(1, 60), delay=st.integers(0, 60))
@settings(deadline=None)
def test_windows_never_overlap_and_never_reach_beyond_the_known_labels(partition, window, holdout, delay):
    spec = demand_spec(training__window_days=window, training__holdout_days=holdout, dataset__label_delay_days=delay)
    windows = Windows(spec, partition)
    assert windows.keys == tuple(sorted(set(windows.keys)))
    assert len(windows.training) <= window
    assert len(windows.holdout) <= holdout
    assert all("2024-01-01" <= key <= shift_key(partition, -delay) for key in windows.keys)


def test_history_is_the_four_weeks_before_both_windows():
    windows = Windows(demand_spec(), "2024-03-31")
    assert windows.training[0] == "2024-03-19"
    assert windows.history == tuple(keys_between("2024-02-20", "2024-03-18"))


def test_history_begins_with_the_data_set():
    assert Windows(demand_spec(), "2024-01-20").history == tuple(keys_between("2024-01-01", "2024-01-07"))
    assert Windows(demand_spec(), "2024-01-05").history == ()


def test_where_labels_come_late_the_days_before_the_partition_itself_are_history_too():
    windows = Windows(demand_spec(dataset__label_delay_days=5), "2024-03-31")
    assert windows.keys[-1] == "2024-03-26"
    assert windows.history[-4:] == ("2024-03-27", "2024-03-28", "2024-03-29", "2024-03-30")
    assert windows.history[0] == days_before(windows.keys[0])[0]


def test_a_partition_before_the_data_set_has_no_history():
    assert Windows(demand_spec(), "2023-12-31").history == ()


@given(partition=DAYS, window=st.integers(1, 400), holdout=st.integers(1, 60), delay=st.integers(0, 60))
@settings(deadline=None)
def test_whichever_day_of_a_run_is_judged_its_four_weeks_before_are_at_hand(partition, window, holdout, delay):
    spec = demand_spec(training__window_days=window, training__holdout_days=holdout, dataset__label_delay_days=delay)
    windows = Windows(spec, partition)
    assert windows.history == tuple(sorted(set(windows.history)))
    assert not {partition, *windows.keys} & set(windows.history)
    assert all("2024-01-01" <= key < partition for key in windows.history)
    at_hand = {partition, *windows.keys, *windows.history}
    for day in {partition, *windows.keys[:1], *windows.keys[-1:]}:
        assert len(days_before(day)) == HISTORY_DAYS
        assert {key for key in days_before(day) if key >= "2024-01-01"} <= at_hand


@given(day=DAYS, window=st.integers(1, 100), holdout=st.integers(1, 60), delay=st.integers(0, 60))
@settings(deadline=None)
def test_the_nights_that_read_a_day_are_those_whose_windows_hold_it(day, window, holdout, delay):
    spec = demand_spec(training__window_days=window, training__holdout_days=holdout, dataset__label_delay_days=delay)
    nights = nights_that_read(spec, day)
    (learns, learned), (judges, judged) = nights.training, nights.holdout
    for night in (learns, learned):
        assert day in Windows(spec, night).training
    for night in (judges, judged):
        assert day in Windows(spec, night).holdout
    assert day not in Windows(spec, shift_key(learned, 1)).keys
    assert day not in Windows(spec, shift_key(judges, -1)).keys


@given(partition=DAYS, window=st.integers(1, 60), holdout=st.integers(1, 9), delay=st.integers(0, 60))
@settings(deadline=None)
def test_a_run_brings_in_whatever_says_what_is_usual_for_the_days_that_it_judges(partition, window, holdout, delay):
    spec = demand_spec(training__window_days=window, training__holdout_days=holdout, dataset__label_delay_days=delay)
    windows = Windows(spec, partition)
    assert windows.history == tuple(sorted(set(windows.history)))
    assert not set(windows.history) & set(windows.keys)
    brought_in = {*windows.history, *windows.keys, partition}
    for judged in {*windows.keys[:1], *windows.keys[-1:], partition}:
        assert {key for key in days_before(judged) if key >= "2024-01-01"} <= brought_in


def test_28_days_before_the_windows_say_what_is_usual():
    windows = Windows(demand_spec(), "2024-03-01")
    assert windows.history == tuple(keys_between("2024-01-21", "2024-02-17"))
    assert days_before("2024-03-01") == tuple(keys_between("2024-02-02", "2024-02-29"))
    assert Windows(demand_spec(), "2024-01-10").history == ()


def test_only_accepted_partitions_are_trained_and_judged_on():
    windows = Windows(demand_spec(), "2024-01-31")
    accepted = ["2024-01-30", "2024-01-20", "2024-01-22", "2024-01-21", "2024-01-28", "2024-01-20", "2024-02-01"]
    assert windows.accepted_training(accepted) == ("2024-01-20", "2024-01-21", "2024-01-22", "2024-01-28")
    assert windows.accepted_holdout(accepted) == ("2024-01-30",)
    assert windows.accepted_holdout([]) == ()


def test_too_few_accepted_partitions_are_an_error_with_the_remedy():
    windows = Windows(demand_spec(), "2024-01-31")
    with pytest.raises(
        NotEnoughPartitionsError, match="window 2024-01-19 to 2024-01-28 holds 1 accepted partitions"
    ) as caught:
        windows.accepted_training(["2024-01-20"])
    assert "training.min_partitions asks for 4; ingest older partitions" in str(caught.value)


def test_a_window_without_any_day_names_the_partition():
    with pytest.raises(NotEnoughPartitionsError, match="window before 2024-01-02 holds 0 accepted"):
        Windows(demand_spec(), "2024-01-02").accepted_training(["2024-01-01"])


def test_days_to_catch_up_on_are_shared_out_in_an_order_of_the_runs_own():
    days = list(keys_between("2024-01-01", "2024-01-12"))
    one, other = (list(shared_batches(days, run_id)) for run_id in ("run-1", "run-2"))
    assert [len(batch) for batch in one] == [5, 5, 2]
    assert sorted(key for batch in one for key in batch) == days
    assert one == list(shared_batches(reversed(days), "run-1"))
    assert one != other
    assert list(shared_batches([], "run-1")) == []
