"""A source's path stays below the root of its connection."""

import re
from fnmatch import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.specs import demand_spec
from titlebout.core.cadences import Cadence
from titlebout.core.partitions import Calendar
from titlebout.core.specs.source_paths import PathTemplate, names_one_partition, relative_pattern


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x.csv", "a/../../x.csv", "a\\..\\b", "a\0", "{date}.csv", "{"])
def test_a_path_that_leaves_the_root_is_refused_by_the_spec(path: str):
    with pytest.raises(ValueError, match=r"source.files.path"):
        demand_spec(dataset__source={"kind": "files", "path": path})


@pytest.mark.parametrize("path", ["a.csv", "{partition}.csv", "day={partition}/*.csv", "**/[ab]?..csv"])
def test_a_path_below_the_root_is_taken_as_it_is(path: str):
    assert relative_pattern(path) == path


@pytest.mark.parametrize(
    ("cadence", "text", "key", "path"),
    [
        ("daily", "{partition}.csv", "2024-05-01", "2024-05-01.csv"),
        ("daily", "{partition:%Y/%m/%d}/*.csv", "2024-05-01", "2024/05/01/*.csv"),
        ("daily", "y={partition:%Y}/m={partition:%-m}/d={partition:%-d}", "2024-05-01", "y=2024/m=5/d=1"),
        ("daily", "{partition:%Y%j}-{partition}", "2024-12-31", "2024366-2024-12-31"),
        ("daily", "{partition:%Y%m%d}", "0999-01-02", "09990102"),
        ("hourly", "{partition:%Y/%m/%d/%H}/", "2024-05-01T03", "2024/05/01/03/"),
        ("hourly", "{partition:day=%Y%m%d/hour=%-H}/", "2024-05-01T03", "day=20240501/hour=3/"),
        ("weekly", "{partition:%G-%V}", "2024-W01", "2024-01"),
        ("weekly", "from-{partition:%Y%m%d}", "2021-W01", "from-20210104"),
        ("weekly", "{partition:%GW%V}", "2020-W53", "2020W53"),
        ("monthly", "{partition:%Y%m}.parquet", "2024-02", "202402.parquet"),
        ("monthly", "{partition:%Y-%m-%d}", "2024-02", "2024-02-01"),
    ],
)
def test_a_place_is_written_in_its_codes_and_read_back(cadence, text, key, path):
    assert names_one_partition(text, Cadence(cadence))
    for is_prefix in (False, True):
        template = PathTemplate(text, Cadence(cadence), is_prefix=is_prefix)
        assert template.of(key) == path
        assert template.key_of(path) == key
        assert fnmatch(path, template.glob())
        assert template.key_of(f"{path}~") == (key if is_prefix else None)


@given(number=st.integers(0, 30_000), cadence=st.sampled_from(Cadence), separator=st.sampled_from(["", "/", "-", "_"]))
def test_whatever_a_spec_may_name_leads_back_to_its_partition(number, cadence, separator):
    key = Calendar(cadence).key(number)
    for codes in ("%Y %m %d", "%Y %j", "%G %V", "%Y %m", "%Y %m %d %H", "%d %m %Y"):
        template = PathTemplate(f"{{partition:{codes.replace(' ', separator)}}}", cadence)
        if names_one_partition(template.text, cadence):
            assert template.key_of(template.of(key)) == key


@pytest.mark.parametrize(
    "path",
    [
        *("2024/13/01/a.csv", "2024/05/1/a.csv", "2024/02/30/a.csv", "x2024/05/01/a.csv", "2024/05/01/b/a.csv"),
        *("2024/05/01/a.csv.tmp", "2024/05/01/a.csv\n"),
    ],
)
def test_a_path_of_no_partition_has_no_key(path):
    assert PathTemplate("{partition:%Y/%m/%d}/*.csv").key_of(path) is None


def test_a_prefix_never_ends_in_a_day_that_begins_another_one():
    source = {"kind": "s3", "bucket": "rides", "prefix": "{partition:%Y/%-m/%-d}"}
    with pytest.raises(ValueError, match="need a sign before and behind"):
        demand_spec(dataset__source=source)
    assert demand_spec(dataset__source=source | {"prefix": f"{source['prefix']}/"})
    assert demand_spec(dataset__source={"kind": "files", "path": source["prefix"]})


def test_a_path_without_a_place_is_of_no_partition():
    assert PathTemplate("all.csv").key_of("all.csv") is None


def test_places_that_contradict_each_other_name_nothing():
    assert PathTemplate("{partition:%Y%m%d}/{partition}.csv").key_of("20240501/2024-05-02.csv") is None
    assert PathTemplate("{partition:%m}/{partition:%Y%m%d}").key_of("06/20240501") is None


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("**/{partition}.csv", "a/b/2024-05-01.csv", True),
        ("**/{partition}.csv", "2024-05-01.csv", True),
        ("{partition}/**", "2024-05-01/a/b", True),
        ("{partition}/?.csv", "2024-05-01/ab.csv", False),
        ("{partition}/[!ab].csv", "2024-05-01/c.csv", True),
        ("{partition}/[!ab].csv", "2024-05-01/a.csv", False),
        ("{partition}.(csv)", "2024-05-01.csv", False),
    ],
)
def test_wildcards_beside_a_place_mean_what_they_mean_in_a_shell(pattern, path, fits):
    assert PathTemplate(pattern).key_of(path) == ("2024-05-01" if fits else None)


@pytest.mark.parametrize(
    "text", ["{partition:%Y%m%d}.csv", "*{partition}*.csv", "**/{partition:%Y%j}*/a", "{partition:%Y/%-m-%d}"]
)
def test_the_glob_of_all_partitions_is_one_that_the_file_system_takes(tmp_path, text):
    path = tmp_path / PathTemplate(text).of("2024-05-01").replace("**/", "").replace("*", "x")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert path in {*tmp_path.glob(PathTemplate(text).glob())}


def test_a_star_in_a_prefix_is_a_star():
    template = PathTemplate("a*/{partition}/", is_prefix=True)
    assert (template.key_of("a*/2024-05-01/x"), template.key_of("ab/2024-05-01/x")) == ("2024-05-01", None)


@pytest.mark.parametrize(
    ("cadence", "path", "mistake"),
    [
        ("daily", "{partition:%Y/%m}/*.csv", "is the same for several partitions of a model that is daily"),
        ("hourly", "{partition:%Y/%m/%d}/*.csv", "is the same for several partitions of a model that is hourly"),
        ("weekly", "{partition:%Y-%V}.csv", "is the same for several"),
        ("daily", "{partition:%y%m%d}.csv", "write codes of %Y, %m"),
        ("daily", "{partition:%Y*%m%d}.csv", "no wildcards"),
        ("daily", "{partition:%}.csv", "is no place of the partition"),
        ("daily", "{partition:day}.csv", "is no place of the partition"),
        ("daily", "{partition:}.csv", "braces other than"),
        ("daily", "{ partition }.csv", "braces other than"),
        ("daily", "{partition:%Y{%m}}.csv", "braces other than"),
        ("daily", "{partition:%Y/%-m%-d}/a.csv", "need a sign before and behind"),
        ("daily", "{partition:%Y/%-m/%-d}*/a.csv", "need a sign before and behind"),
        ("daily", "{partition:%Y/%-m/}*{partition:%-d}/a.csv", "need a sign before and behind"),
        ("daily", "{partition:%Y/%-m/%-d}{partition}/a.csv", "need a sign before and behind"),
        ("daily", "{partition:%Y/%-m/1%-d}/a.csv", "need a sign before and behind"),
    ],
)
def test_a_place_that_does_not_name_one_partition_is_refused_by_the_spec(cadence, path, mistake):
    with pytest.raises(ValueError, match=re.escape(mistake)):
        demand_spec(dataset__source={"kind": "files", "path": path}, dataset__cadence=cadence)
    with pytest.raises(ValueError, match=re.escape(mistake)):
        demand_spec(
            dataset__source={"kind": "s3", "bucket": "rides", "prefix": f"{path}{{partition:%Y}}"},
            dataset__cadence=cadence,
        )
