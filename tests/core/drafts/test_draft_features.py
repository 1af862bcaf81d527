"""Which columns a model may look at, and why not the others."""

import numpy as np

from fakes.sampled import hourly, moments, sampled
from titlebout.core.drafts.draft_features import Subject, find_features
from titlebout.core.specs.training_spec import Objective


def plan_of(rows, **subject):
    return find_features(
        sampled(**rows), Subject(**{"target": "sales", "time": "day", "objective": Objective.REGRESSION, **subject})
    )


def test_texts_are_categories_and_numbers_are_numbers():
    plan = plan_of(hourly())
    assert set(plan.categorical) == {"zone"}
    assert set(plan.numeric) == {"hour", "noise"}
    assert plan.date_parts == ["weekday"]
    assert plan.excluded == {}


def test_hours_of_timestamps_become_features():
    rows = {**hourly(), "day": moments(960)}
    assert plan_of(rows).date_parts == ["hour", "weekday"]


def test_what_is_of_no_use_is_excluded_with_the_reason():
    rows = hourly()
    count = len(rows["hour"])
    years = np.array([day.toordinal() for day in rows["day"]])
    plan = plan_of(
        {
            **rows,
            "constant": [7] * count,
            "name": [f"person {n}" for n in range(count)],
            "street": [f"street {n % 300}" for n in range(count)],
            "instant": range(count),
            "year": years // 20,
            "weekday": [(day.weekday() + 3) % 7 for day in rows["day"]],
            "booked": moments(count),
        }
    )
    reasons = {
        "constant": "one value only",
        "name": "a name or a free text",
        "street": "too many categories",
        "instant": "only grows with time",
        "year": "only grows with time",
        "weekday": "same as the weekday",
        "booked": "a time",
    }
    for name, reason in reasons.items():
        assert reason in plan.excluded[name]


def test_few_whole_numbers_are_taken_for_codes_unless_they_are_amounts():
    rows = hourly()
    rng = np.random.default_rng(0)
    count = len(rows["hour"])
    plan = plan_of(
        {
            **rows,
            "weathersit": rng.integers(1, 5, count),
            "zone_id": rng.integers(1, 99, count),
            "passenger_count": rng.integers(0, 7, count),
            "big": rng.integers(1, 99, count),
        }
    )
    assert set(plan.categorical) == {"zone", "weathersit", "zone_id"}
    assert "codes?" in plan.categorical["weathersit"]


def test_a_number_of_its_own_for_every_row_is_no_feature():
    rows = hourly()
    rng = np.random.default_rng(0)
    count = len(rows["hour"])
    scattered = rng.choice(10**9, count, replace=False)
    plan = plan_of({**rows, "listing": rng.permutation(count), "order_nr": scattered, "cents": scattered[::-1]})
    assert "it names rows" in plan.excluded["listing"]
    assert "it names rows" in plan.excluded["order_nr"]
    assert "cents" in plan.numeric  # an amount may well be another one in every row


def test_categories_that_stay_for_weeks_only_tell_the_time():
    rows = hourly(days=120)
    rows["quarter"] = [f"quarter {1 + (day.month - 1) // 3}" for day in rows["day"]]
    assert "tells little but the time" in plan_of(rows).excluded["quarter"]


def test_numbers_that_may_mean_missing_are_pointed_at():
    rows = hourly()
    rows["pdays"] = np.where(np.arange(len(rows["hour"])) % 3, 999, np.round(rows["noise"] * 100))
    assert any("999 in 66.7%" in line for line in plan_of(rows).look)


def test_what_the_target_is_made_from_is_no_feature():
    plan = plan_of(hourly(), made_from=["noise"])
    assert plan.excluded["noise"] == "the target is computed from it"
