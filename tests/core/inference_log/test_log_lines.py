"""Segments: lines of JSON that a crash may have cut."""

import pytest

from fakes.written_requests import request_line
from titlebout.core.errors import CorruptObjectError
from titlebout.core.inference_log.log_lines import (
    FORMAT,
    LoggedColumn,
    LoggedRelease,
    LoggedRequest,
    SegmentHead,
    line,
    read_segment,
)
from titlebout.core.release_roles import ReleaseRole

COLUMNS = {"town": LoggedColumn(type="text", policy="hash"), "age": LoggedColumn(type="integer", policy="value")}
RELEASE = LoggedRelease(release=0, version="v1", token=3, timezone="UTC", columns=COLUMNS)
REQUEST = LoggedRequest(
    7, 0, "a\nb", 1.5e9, ReleaseRole.SHADOW, "predict", 0.001, RELEASE, [["x\n", 1], [None, 2]], [1.0, 0.5]
)
HEAD = line(SegmentHead(format=FORMAT, model="demand", server="0" * 16).model_dump(mode="json"))
SEGMENT = HEAD + line(RELEASE.model_dump(mode="json")) + request_line(REQUEST)


def test_what_is_written_is_read():
    head, requests = read_segment(SEGMENT, "here")
    assert head.server == "0" * 16
    assert [*requests] == [REQUEST]


def test_a_line_that_was_cut_off_is_left_out_wherever_it_was_cut():
    whole = len(SEGMENT) - len(request_line(REQUEST))
    for length in range(whole, len(SEGMENT)):
        assert [*read_segment(SEGMENT[:length], "here")[1]] == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{}\n", b"nonsense\n", HEAD[:-1], HEAD + b"[1]\n", HEAD + request_line(REQUEST), HEAD + b"\xff\n"],
)
def test_what_is_no_segment_is_corrupt(content):
    with pytest.raises(CorruptObjectError, match=r"here: line [12]"):
        [*read_segment(content, "here")[1]]


def test_a_format_of_the_future_is_refused():
    with pytest.raises(CorruptObjectError, match="format 2 of the log, 1 is known; upgrade"):
        read_segment(HEAD.replace(b'"format":1', b'"format":2'), "here")
