import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.windows import Windows, shared_batches


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
