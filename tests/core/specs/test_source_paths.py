"""A source's path stays below the root of its connection."""

import pytest

from fakes.specs import demand_spec
from titlebout.core.specs.source_paths import relative_pattern


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x.csv", "a/../../x.csv", "a\\..\\b", "a\0", "{date}.csv", "{"])
def test_a_path_that_leaves_the_root_is_refused_by_the_spec(path: str):
    with pytest.raises(ValueError, match=r"source.files.path"):
        demand_spec(dataset__source={"kind": "files", "path": path})


@pytest.mark.parametrize("path", ["a.csv", "{partition}.csv", "day={partition}/*.csv", "**/[ab]?..csv"])
def test_a_path_below_the_root_is_taken_as_it_is(path: str):
    assert relative_pattern(path) == path
