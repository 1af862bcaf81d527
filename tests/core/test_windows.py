import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.cadences import Cadence
from titlebout.core.errors import NotEnoughPartitionsError
from titlebout.core.partitions import keys_between, shift_key
from titlebout.core.windows import (
    HISTORIES,
    HISTORY_DAYS,
    NightsThatRead,
    Windows,
    days_before,
    labels_known_from,
    nights_that_read,
    shared_batches,
)


def remembering(*lags, **changes):
    """Return a spec with features of earlier partitions: how many each, and partitions back to the newest of them."""
    features = {
        f"usual_{number}": {"of": "temperature", "statistic": "mean", "partitions": partitions, "delay": delay}
        for number, (partitions, delay) in enumerate(lags)
    }
    return demand_spec(training__features={"numeric": ["temperature"], "history": features}, **changes)


def of_cadence(cadence, *lags, window, holdout, first="2019-01-01", late=0):
    return remembering(
        *lags,
        dataset__cadence=cadence,
        dataset__columns={"at": "timestamp", "temperature": "number", "rentals": "number"},
        dataset__time_column="at",
        dataset__key_columns=["at"],
        dataset__first_partition=first,
        dataset__label_delay_days=late,
        training__window_days=window,
        training__holdout_days=holdout,
    )


IN_BERLIN = demand_spec(schedule={"timezone": "Europe/Berlin"}, dataset__label_delay_days=2)


def spans(*pairs):
    """Return all keys of several spans, one span after the other."""
    return tuple(key for first, last in pairs for key in keys_between(first, last))


def everything(windows):
    """Return what is at hand when the whole data set is accepted, and the future besides."""
    return [*keys_between(shift_key(min(windows.history + windows.keys), -100), shift_key(windows.partition, 100))]


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


# In all of these, where nothing else is said, a run of 31 March learns from the 19th to the 28th and judges on the 29th
# to the 31st; what it learns serves on 1 April.


def test_a_rolling_mean_remembers_the_days_before_the_oldest_row():
    windows = Windows(remembering((4, 1)), "2024-03-31")
    assert windows.training == spans(("2024-03-19", "2024-03-28"))
    assert windows.remembered == spans(("2024-03-15", "2024-03-18"))
    assert windows.history == spans(("2024-02-16", "2024-03-14"))


def test_what_serves_next_knows_the_holdout_too():
    windows = Windows(remembering((4, 1)), "2024-03-31")
    # Rows of 1 April know the 28th, which is learned from anyway, to the 31st.
    older, newer = ("2024-03-15", "2024-03-18"), ("2024-03-29", "2024-03-31")
    assert windows.accepted_history(everything(windows)) == spans(older, newer)


def test_what_only_the_holdout_remembers_is_brought_in_but_no_version_is_made_of_it():
    # Twenty days back: 28 February to 8 March for training, to 11 March for the holdout, 12 March for 1 April.
    windows = Windows(remembering((1, 20)), "2024-03-31")
    assert windows.remembered == spans(("2024-02-28", "2024-03-12"))
    assert windows.accepted_history(everything(windows)) == spans(
        ("2024-02-28", "2024-03-08"), ("2024-03-12", "2024-03-12")
    )
    # 28 days before the oldest remembered one, and what lies between those and the training window.
    assert windows.history == spans(("2024-01-31", "2024-02-27"), ("2024-03-13", "2024-03-18"))


def test_several_lags_remember_together():
    # The three days before, the same day a week before, and four weeks before.
    windows = Windows(remembering((3, 1), (1, 7), (1, 28)), "2024-03-31")
    assert windows.remembered == spans(("2024-02-20", "2024-03-04"), ("2024-03-12", "2024-03-18"))
    assert windows.history == spans(("2024-01-23", "2024-02-19"), ("2024-03-05", "2024-03-11"))
    assert windows.accepted_history(everything(windows)) == spans(
        ("2024-02-20", "2024-02-29"),
        ("2024-03-04", "2024-03-04"),
        ("2024-03-12", "2024-03-18"),
        ("2024-03-29", "2024-03-31"),
    )


def test_a_gap_wider_than_28_days_is_not_filled():
    windows = Windows(remembering((1, 60)), "2024-06-29")
    assert windows.training == spans(("2024-06-17", "2024-06-26"))
    assert windows.remembered == spans(("2024-04-18", "2024-05-01"))
    assert windows.history == spans(("2024-03-21", "2024-04-17"), ("2024-05-20", "2024-06-16"))


def test_where_labels_come_late_the_next_rows_know_what_is_judged_on():
    # Five days late: training 14 to 23 March, holdout 24 to 26 March; rows of 1 April know the 25th and the 26th.
    windows = Windows(remembering((2, 6), dataset__label_delay_days=5), "2024-03-31")
    assert windows.keys == spans(("2024-03-14", "2024-03-26"))
    assert windows.remembered == spans(("2024-03-07", "2024-03-13"))
    assert windows.history == spans(("2024-02-08", "2024-03-06"), ("2024-03-27", "2024-03-30"))
    assert windows.accepted_history(everything(windows)) == spans(
        ("2024-03-07", "2024-03-13"), ("2024-03-25", "2024-03-26")
    )


def test_nothing_before_the_data_set_is_remembered():
    # Training 8 to 17 January would know 27 December to 5 January; the holdout knows up to the 8th.
    windows = Windows(remembering((1, 12)), "2024-01-20")
    assert windows.remembered == spans(("2024-01-01", "2024-01-07"))
    assert windows.history == ()
    assert windows.accepted_history(["2023-12-31", *windows.remembered]) == spans(("2024-01-01", "2024-01-05"))


def test_the_first_day_of_the_data_set_is_remembered_by_the_holdout_alone():
    # Training would know days of December only; the holdout knows 1 to 3 January, and the 21st knows the 4th.
    windows = Windows(remembering((1, 17)), "2024-01-20")
    assert windows.remembered == spans(("2024-01-01", "2024-01-04"))
    assert windows.history == spans(("2024-01-05", "2024-01-07"))
    assert windows.accepted_history(windows.remembered) == ("2024-01-04",)


def test_only_accepted_partitions_are_remembered():
    windows = Windows(remembering((4, 1)), "2024-03-31")
    accepted = ["2024-03-30", "2024-03-17", "2024-03-28", "2024-03-16", "2024-03-14"]
    assert windows.accepted_history(accepted) == ("2024-03-16", "2024-03-17", "2024-03-30")
    assert windows.accepted_history([]) == ()


def test_hours_are_remembered_as_hours_and_compared_with_28_days():
    windows = Windows(of_cadence("hourly", (2, 24), window=1, holdout=1), "2024-05-03T05")
    assert windows.training == spans(("2024-05-01T06", "2024-05-02T05"))
    # Two hours, the newer of them 24 back; those of the last training hours lie in the training window.
    assert windows.remembered == spans(("2024-04-30T05", "2024-05-01T05"))
    assert windows.history == spans(("2024-04-02T05", "2024-04-30T04"))


def test_the_same_week_of_the_year_before_is_remembered():
    windows = Windows(of_cadence("weekly", (1, 52), window=14, holdout=7), "2021-W01")
    assert windows.keys == ("2020-W52", "2020-W53", "2021-W01")
    assert windows.remembered == ("2019-W52", "2020-W01", "2020-W02", "2020-W03")
    assert windows.history == spans(("2019-W24", "2019-W51"), ("2020-W24", "2020-W51"))
    assert windows.accepted_history(windows.remembered) == ("2019-W52", "2020-W01", "2020-W03")


def test_months_are_remembered_but_compared_with_none():
    windows = Windows(of_cadence("monthly", (3, 2), window=62, holdout=31), "2024-03")
    assert windows.keys == ("2024-01", "2024-02", "2024-03")
    assert windows.remembered == ("2023-09", "2023-10", "2023-11", "2023-12")
    assert windows.history == ()
    assert HISTORIES[Cadence.MONTHLY].length == 0


@given(
    partition=DAYS,
    lags=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 90)), min_size=1, max_size=3),
    window=st.integers(1, 60),
    holdout=st.integers(1, 9),
)
@settings(max_examples=50)
def test_whatever_is_usual_for_remembered_days_is_at_hand_and_nothing_is_named_twice(partition, lags, window, holdout):
    windows = Windows(remembering(*lags, training__window_days=window, training__holdout_days=holdout), partition)
    named = [*windows.history, *windows.remembered, *windows.keys]
    assert len(named) == len(set(named))
    for day in windows.remembered:
        assert {key for key in days_before(day) if key >= "2024-01-01"} <= set(named)


@pytest.mark.parametrize(
    ("spec", "partition", "judging", "learning"),
    [
        (demand_spec(), "2024-02-10", ("2024-02-10", "2024-02-12"), ("2024-02-13", "2024-02-22")),
        (
            demand_spec(dataset__label_delay_days=5),
            "2024-02-10",
            ("2024-02-15", "2024-02-17"),
            ("2024-02-18", "2024-02-27"),
        ),
        (
            of_cadence("hourly", window=1, holdout=1, late=2),
            "2024-05-02T06",
            ("2024-05-04T06", "2024-05-05T05"),
            ("2024-05-05T06", "2024-05-06T05"),
        ),
        # Labels one day late are known a week later; 13 days hold one week.
        (
            of_cadence("weekly", window=14, holdout=13, late=1),
            "2020-W53",
            ("2021-W01", "2021-W01"),
            ("2021-W02", "2021-W03"),
        ),
        # From April on, 62 days before the holdout begin after 1 January.
        (
            of_cadence("monthly", window=62, holdout=31),
            "2024-01",
            ("2024-01", "2024-01"),
            ("2024-02", "2024-03"),
        ),
        # January's labels are known on 3 March, so in the night of March; by then February's are, which are judged on.
        (of_cadence("monthly", window=62, holdout=31, late=30), "2023-01", None, ("2023-03", "2023-04")),
    ],
    ids=["days", "late days", "late hours", "late weeks", "months", "a month that is never judged on"],
)
def test_nights_that_read_a_partition_are_named(spec, partition, judging, learning):
    assert nights_that_read(spec, partition) == NightsThatRead(training=learning, holdout=judging)


def test_28_days_before_the_windows_say_what_is_usual():
    windows = Windows(demand_spec(), "2024-03-01")
    assert windows.history == tuple(keys_between("2024-01-21", "2024-02-17"))
    assert days_before("2024-03-01") == tuple(keys_between("2024-02-02", "2024-02-29"))
    assert Windows(demand_spec(), "2024-01-10").history == ()


def test_hours_are_compared_with_the_same_hour_and_weeks_with_weeks():
    hours, weeks = days_before("2024-05-02T03"), days_before("2024-W18")
    assert (len(hours), hours[0], hours[1], hours[-1]) == (28, "2024-04-04T03", "2024-04-05T03", "2024-05-01T03")
    assert (len(weeks), weeks[0], weeks[-1]) == (28, "2023-W42", "2024-W17")
    assert days_before("2024-05") == ()


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


def test_a_year_of_hours_is_caught_up_on_in_few_batches():
    hours = [*keys_between("2024-01-01T00", "2024-12-30T23")]
    batches = list(shared_batches(hours, "run-1"))
    assert {len(batch) for batch in batches[:-1]} == {88}  # a hundred batches
    assert sorted(key for batch in batches for key in batch) == hours


@pytest.mark.parametrize(
    ("spec", "partition", "known"),
    [
        (demand_spec(), "2024-03-30", "2024-03-31T00:00:00+00:00"),
        (demand_spec(dataset__label_delay_days=2), "2024-02-28", "2024-03-02T00:00:00+00:00"),
        # Days of 23 and 25 hours count as days.
        (IN_BERLIN, "2024-03-30", "2024-04-01T22:00:00+00:00"),
        (IN_BERLIN, "2024-10-26", "2024-10-28T23:00:00+00:00"),
        (of_cadence(Cadence.HOURLY, window=9, holdout=3, late=1), "2024-02-28T23", "2024-03-01T00:00:00+00:00"),
        (of_cadence(Cadence.WEEKLY, window=70, holdout=28, late=1), "2024-W52", "2025-01-06T00:00:00+00:00"),
        (of_cadence(Cadence.MONTHLY, window=365, holdout=93, late=30), "2024-01", "2024-04-01T00:00:00+00:00"),
    ],
)
def test_labels_are_known_when_the_first_night_that_may_judge_by_them_is_over(spec, partition, known):
    assert labels_known_from(spec, partition).isoformat() == known
    judging, _ = nights_that_read(spec, partition).holdout
    assert spec.calendar.bounds(judging)[1].isoformat() == known
