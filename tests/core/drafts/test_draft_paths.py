"""Where the day stands in paths."""

import pytest

from titlebout.core.drafts.draft_paths import find_pattern, prefix_of
from titlebout.core.specs.source_paths import PathTemplate

HIVE = "year={partition:%Y}/month={partition:%m}/day={partition:%d}"


@pytest.mark.parametrize(
    ("paths", "pattern"),
    [
        (["rides/2024-01-01.csv", "rides/2024-01-02.csv"], "rides/{partition}.csv"),
        (["2024-01-01/a.csv", "2024-01-01/b.csv", "2024-01-02/a.csv"], "{partition}/*.csv"),
        (["d=2024-01-01/x-2024-01-01.csv", "d=2024-01-02/x-2024-01-02.csv"], "d={partition}/x-{partition}.csv"),
        (["rides/20240101.csv", "rides/20241231.csv"], "rides/{partition:%Y%m%d}.csv"),
        (["rides_2024_01_09.csv", "rides_2024_01_10.csv"], "rides_{partition:%Y_%m_%d}.csv"),
        (["2024/01/09/a.csv", "2024/01/10/b.csv"], "{partition:%Y/%m/%d}/*.csv"),
        (["2024/01/09.csv", "2024/12/10.csv"], "{partition:%Y/%m/%d}.csv"),
        (["2024/10/9/a.csv", "2024/10/10/a.csv"], "{partition:%Y/%-m/%-d}/a.csv"),
        (["2024-1-9.csv", "2024-1-10.csv"], "{partition:%Y-%-m-%-d}.csv"),
        (
            ["year=2024/month=01/day=09/a.parquet", "year=2024/month=01/day=10/b.parquet"],
            f"{HIVE}/*.parquet",
        ),
        (
            ["y=2024/m=1/d=9/hour=3/a.parquet", "y=2024/m=1/d=9/hour=4/b.parquet", "y=2024/m=11/d=10/hour=3/c.parquet"],
            "y={partition:%Y}/m={partition:%-m}/d={partition:%-d}/**/*.parquet",
        ),
        (
            ["2024/01/09/stream-2024-01-09-10-a.gz", "2024/01/10/stream-2024-01-10-11-b.gz"],
            "{partition:%Y/%m/%d}/*.gz",
        ),
        (["d=2024-01-09/export-20240110.csv", "d=2024-01-10/export-20240111.csv"], "d={partition}/*.csv"),
        (["2024/01/09/23/s-2024-01-10-00.gz", "2024/01/10/01/s-2024-01-10-01.gz"], "{partition:%Y/%m/%d}/**/*.gz"),
        (["2024-1-9/20240109.csv", "2024-1-10/20240110.csv"], "{partition:%Y-%-m-%-d}/{partition:%Y%m%d}.csv"),
        (["eu/2024-01-01/x/a.csv", "eu/2024-01-01/x/b.csv"], "eu/{partition}/x/*.csv"),
    ],
)
def test_the_day_is_found_where_all_paths_have_it(paths, pattern):
    found = find_pattern(paths)
    assert found.pattern == pattern
    assert [PathTemplate(pattern).key_of(path) for path in paths] == [*found.keys]


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("{partition:%Y/%m/%d}/**/*.gz", "{partition:%Y/%m/%d}/"),
        (f"{HIVE}/a", f"{HIVE}/"),
        ("x/{partition:%Y%m%d}-*.csv", "x/{partition:%Y%m%d}-"),
        (f"{HIVE}.csv", f"{HIVE}.csv"),
        ("{partition:%Y/%m/%d}/x-{partition}-a.csv", "{partition:%Y/%m/%d}/"),
    ],
)  # fmt: skip
def test_the_prefix_of_objects_ends_where_names_begin(pattern, prefix):
    assert prefix_of(pattern) == prefix


@pytest.mark.parametrize(
    "paths",
    [
        ["rides/2024-01.csv", "rides/2024-02.csv"],
        ["rides/2024-02-30.csv"],
        ["a-2024-01-01.csv", "b-2024-01-02.csv"],
        ["2024-01-01_2024-01-02.csv"],
        ["12024-01-011.csv"],
        ["2024-01-01.csv", "readme.csv"],
        ["2024/01-01.csv", "2024/01-02.csv"],
        ["99991231.csv", "99991230.csv"],
        ["2024/13/01.csv"],
        ["2024-1-9/2024-01-09.csv", "2024-1-10/2024-01-10.csv"],
        ["20240101.csv", "2024-01-02.csv"],
        ["a/2024-01-01/x.csv", "b/2024-01-02/x.csv"],
        [],
    ],
)
def test_paths_without_one_day_in_one_place_have_no_pattern(paths):
    assert find_pattern(paths) is None
