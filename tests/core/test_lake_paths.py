"""What is a path in the lake and what is not."""

import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titlebout.core.errors import LakePathError
from titlebout.core.lake_paths import checked_path, checked_prefix

HOSTILE = [
    "", ".", "..", "/", "/etc/passwd", "../x", "a/../b", "a/..", "a//b", "a/", "/a", "a/./b", "./a",
    "a\\b", "..\\x", "a\0b", "a\nb", "a\n", "a b", "a%2e%2e", "%2e%2e/x", "~/x", "a:b", "C:/x", "a*", "a?b",
    "é", "\u0661\u0662", "a/.hidden", ".new-x", "a/.new-x", "a" * 129, "/".join("a" * 17), "s3://b/k", "a#b", "a;b",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_path_is_refused_with_a_bounded_message(path: str):
    with pytest.raises(LakePathError) as caught:
        checked_path(path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("path", [None, 1, b"a/b", ["a"]])
def test_what_is_no_text_is_no_path(path: object):
    with pytest.raises(LakePathError):
        checked_path(path)  # type: ignore[arg-type]  # that is the test


@given(st.text(alphabet=st.sampled_from("ab0./\\ \0\n%~:é=-_"), max_size=20))
def test_whatever_passes_stays_below_any_root(path: str):
    try:
        checked = checked_path(path)
    except LakePathError:
        return
    assert os.path.normpath(f"/lake/{checked}") == f"/lake/{checked}"
    assert re.fullmatch(r"[ -~]+", checked)


@pytest.mark.parametrize("prefix", ["a", "a/", "a/b", "a/b/"])
def test_a_prefix_may_end_with_a_slash(prefix: str):
    assert checked_prefix(prefix) == prefix.rstrip("/")


def test_an_empty_prefix_means_the_whole_lake():
    assert checked_prefix("") == ""


@pytest.mark.parametrize("prefix", ["/", "..", "a//", "a/../b/"])
def test_a_hostile_prefix_is_refused(prefix: str):
    with pytest.raises(LakePathError):
        checked_prefix(prefix)
