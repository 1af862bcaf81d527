"""Hours are drawn by whole days; every other partition is a block of its own."""

import numpy as np

from titlebout.core.bouts.bout_checks import Grouping, ScoredPartition
from titlebout.core.bouts.whole_days import by_blocks


def part(*labels, champion=True, groups=()):
    values = np.array(labels, np.float64)
    names = tuple(dict.fromkeys(groups))
    grouping = Grouping(np.array([names.index(each) for each in groups], np.int64), names)
    return ScoredPartition(values, values + 1, values + 2 if champion else None, {"area": grouping})


def test_days_weeks_and_months_stay_as_they_are():
    scored = {key: part(1.0, groups="a") for key in ("2024-05-02", "2024-W18", "2024-05")}
    assert by_blocks(scored) == scored


def test_the_hours_of_a_day_are_one_block():
    scored = {
        "2024-05-01T23": part(1.0, groups="b"),
        "2024-05-02T00": part(2.0, 3.0, groups="ab"),
        "2024-05-02T01": part(),
        "2024-05-02T02": part(4.0, groups="c"),
    }
    blocks = by_blocks(scored)
    assert [*blocks] == ["2024-05-01", "2024-05-02"]
    day = blocks["2024-05-02"]
    assert day.labels.tolist() == [2, 3, 4]
    assert day.challenger.tolist() == [3, 4, 5]
    assert day.champion.tolist() == [4, 5, 6]
    grouping = day.groups["area"]
    assert [grouping.values[code] for code in grouping.codes] == ["a", "b", "c"]


def test_without_a_champion_a_day_has_none():
    scored = {key: part(1.0, champion=False, groups="a") for key in ("2024-05-02T00", "2024-05-02T01")}
    assert by_blocks(scored)["2024-05-02"].champion is None
