"""Where the day stands in paths."""

import pytest

from titlebout.core.drafts.draft_paths import find_pattern


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["rides/2024-01-01.csv", "rides/2024-01-02.csv"], "rides/{partition}.csv"),
        (["2024-01-01/a.csv", "2024-01-01/b.csv", "2024-01-02/a.csv"], "{partition}/*.csv"),
        (["d=2024-01-01/x-2024-01-01.csv", "d=2024-01-02/x-2024-01-02.csv"], "d={partition}/x-{partition}.csv"),
    ],
)
def test_the_day_is_found_where_all_paths_have_it(paths, pattern):
    assert find_pattern(paths).pattern == pattern


@pytest.mark.parametrize(
    "paths",
    [
        ["rides/2024-01.csv", "rides/2024-02.csv"],
        ["rides/2024-02-30.csv"],
        ["a-2024-01-01.csv", "b-2024-01-02.csv"],
        ["2024-01-01_2024-01-02.csv"],
        ["12024-01-011.csv"],
        ["2024-01-01.csv", "readme.csv"],
        [],
    ],
)
def test_paths_without_one_day_in_one_place_have_no_pattern(paths):
    assert find_pattern(paths) is None
