"""Copies, parts and all too good predictors of the target."""

import numpy as np

from fakes.sampled import hourly, sampled
from titlebout.core.drafts.draft_leaks import find_leaks
from titlebout.core.specs.training_spec import Objective


def leaks_of(rows, target="sales", objective=Objective.REGRESSION):
    columns = sampled(**rows)
    candidates = [name for name in columns.kinds if name not in {"day", target}]
    return find_leaks(columns, target, candidates, columns.days("day"), objective).excluded


def test_an_honest_table_has_no_leak():
    assert leaks_of(hourly()) == {}


def test_a_copy_in_another_unit_is_found():
    rows = hourly()
    assert "another name" in leaks_of({**rows, "sales_mwh": rows["sales"] / 1000})["sales_mwh"]


def test_two_parts_that_add_up_are_found():
    rows = hourly()
    casual = np.random.default_rng(1).integers(0, 30, len(rows["hour"]))
    registered = np.random.default_rng(2).integers(0, 90, len(rows["hour"]))
    found = leaks_of({**rows, "casual": casual, "registered": registered, "sales": casual + registered})
    assert set(found) >= {"casual", "registered"}
    assert "casual + registered = sales" in found["casual"]
    assert "hour" not in found


def test_several_parts_that_add_up_are_found():
    rows = hourly()
    rng = np.random.default_rng(1)
    parts = {name: rng.gamma(2.0, 5.0, len(rows["hour"])) for name in ("fee", "tax", "base")}
    found = leaks_of({**rows, **parts, "sales": sum(parts.values())})
    assert set(found) >= set(parts)
    assert "noise" not in found


def test_a_column_that_predicts_too_well_alone_is_suspected():
    rows = hourly()
    noise = np.random.default_rng(1).normal(size=len(rows["hour"]))
    assert "suspected leak" in leaks_of({**rows, "after": rows["sales"] + 3 * noise})["after"]


def test_groups_of_different_level_are_no_leak():
    rows = hourly()
    level = {"north": 0, "east": 500, "south": 1000, "west": 1500}
    rows["sales"] = rows["sales"] + np.array([level[zone] for zone in rows["zone"]])
    assert "zone" not in leaks_of(rows)


def test_names_of_what_is_known_afterwards_are_suspected():
    rows = hourly()
    assert "known only afterwards" in leaks_of({**rows, "tipAmount": rows["noise"] ** 2})["tipAmount"]


def test_a_binary_target_is_judged_by_ranking():
    rows = hourly()
    label = rows["sales"] > 95
    noise = np.random.default_rng(1).normal(size=len(label))
    found = leaks_of({**rows, "after": label + 0.2 * noise, "sales": label}, objective=Objective.BINARY)
    assert "AUC" in found["after"]
    assert "noise" not in found
