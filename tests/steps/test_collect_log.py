"""What waits on a server goes into the lake once, whoever is killed in between."""

import pytest

from fakes.lake import MemoryLake
from fakes.server_host import MemoryServerHost
from fakes.server_log import MemoryServerLog
from fakes.specs import demand_spec
from fakes.written_requests import request_line
from titlebout.core.errors import CorruptObjectError, UnavailableError
from titlebout.core.inference_log.log_lines import FORMAT, LoggedRelease, LoggedRequest, SegmentHead, line
from titlebout.core.inference_log.log_reading import read_inference_log
from titlebout.core.release_roles import ReleaseRole
from titlebout.steps.collect_log import collect_log

NOON = 1714651200.0  # 2024-05-02
FIRST, SECOND = "0123456789abcdef-00000001", "0123456789abcdef-00000002"


def segment(*moments: float) -> bytes:
    head = SegmentHead(format=FORMAT, model="demand", server="0123456789abcdef")
    release = LoggedRelease(release=0, version="v1", token=3, timezone="UTC", columns={})
    lines = [line(head.model_dump(mode="json")), line(release.model_dump(mode="json"))]
    for number, moment in enumerate(moments):
        request = LoggedRequest(
            int(moment) + number, 0, "r", moment, ReleaseRole.CHAMPION, "predict", 0.1, release, [[]], [1.0]
        )
        lines.append(request_line(request))
    return b"".join(lines)


@pytest.fixture
def host() -> MemoryServerHost:
    host = MemoryServerHost()
    host.ensure_running("demand")
    return host


def test_segments_are_published_by_partition_and_forgotten(host):
    lake, log = MemoryLake(), MemoryServerLog(**{FIRST: segment(NOON, NOON + 86_400), SECOND: segment(NOON + 1)})
    collected = collect_log(demand_spec(), lake=lake, host=host, server_log=log)
    assert (collected.segments, collected.rows) == (2, 3)
    assert collected.partitions == ("2024-05-02", "2024-05-03")
    assert log.segments == {}
    assert read_inference_log(lake, "demand", "2024-05-02").num_rows == 2


def test_where_no_server_runs_nothing_is_collected():
    log = MemoryServerLog(**{FIRST: segment(NOON)})
    collected = collect_log(demand_spec(), lake=MemoryLake(), host=MemoryServerHost(), server_log=log)
    assert (collected.has_server, collected.segments, list(log.segments)) == (False, 0, [FIRST])


def test_a_segment_is_forgotten_only_when_it_is_safe(host):
    class Full(MemoryLake):
        def publish(self, path, data):
            message = "no space left"
            raise UnavailableError(message)

    log = MemoryServerLog(**{FIRST: segment(NOON)})
    with pytest.raises(UnavailableError):
        collect_log(demand_spec(), lake=Full(), host=host, server_log=log)
    assert list(log.segments) == [FIRST]


def test_one_that_was_killed_before_it_said_so_collects_nothing_twice(host):
    class Mute(MemoryServerLog):
        def forget(self, address, segment):
            message = "killed"
            raise UnavailableError(message)

    lake, mute = MemoryLake(), Mute(**{FIRST: segment(NOON)})
    with pytest.raises(UnavailableError):
        collect_log(demand_spec(), lake=lake, host=host, server_log=mute)
    log = MemoryServerLog(**mute.segments)
    assert collect_log(demand_spec(), lake=lake, host=host, server_log=log).rows == 0
    assert log.segments == {}
    assert read_inference_log(lake, "demand", "2024-05-02").num_rows == 1


def test_a_segment_that_cannot_be_read_stays_and_holds_nobody_up(host):
    lake, log = MemoryLake(), MemoryServerLog(**{FIRST: b"nonsense", SECOND: segment(NOON)})
    with pytest.raises(CorruptObjectError, match=FIRST):
        collect_log(demand_spec(), lake=lake, host=host, server_log=log)
    assert list(log.segments) == [FIRST]
    assert read_inference_log(lake, "demand", "2024-05-02").num_rows == 1
