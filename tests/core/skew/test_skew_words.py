import pytest

from titlebout.core.skew.skew_report import GoldenReplay, PartitionSkew, SkewReport
from titlebout.core.skew.skew_words import report_lines


@pytest.mark.parametrize(("logged", "unknown", "is_said"), [(24, 24, True), (24, 23, False), (0, 0, False)])
def test_a_log_of_which_no_key_was_delivered_points_at_clocks_and_keys(logged, unknown, is_said):
    seen = PartitionSkew(partition="2024-05-01", logged_rows=logged, unknown_rows=unknown)
    report = SkewReport(model="demand", golden=GoldenReplay(note="not asked"), partitions=(seen,))
    assert any("look at the clocks of server and clients" in line for line in report_lines(report)) is is_said
