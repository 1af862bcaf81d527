import numpy as np
import pytest

from fakes.lake import MemoryLake
from fakes.specs import demand_spec
from titlebout.core.performance.booking import Booking, booked, evidence_of
from titlebout.core.performance.given_scores import GivenScores
from titlebout.core.performance.label_join import FoundLabels
from titlebout.core.performance.performance_results import ScoreSource

BOOKING = Booking("2024-02-01", "v1", ScoreSource.LOG, ("2024-02-01",), "0" * 12, False)
NAN = float("nan")


def book(scores, labels, *, spec=None, repeated=0, keyless=0, **counts):
    found = FoundLabels(np.array(labels, float), **dict(waiting=0, unknown=0, contradicted=0, doubled=0) | counts)
    given = GivenScores(None, np.array(scores, float), repeated, keyless)
    return booked(spec or demand_spec(), MemoryLake(), BOOKING, given, found, unscored=0)


def test_every_scored_row_is_counted_once():
    day = book([1, 2, 3, 4, 5], [2, 2, NAN, NAN, NAN], waiting=1, contradicted=1, unknown=1, keyless=2, repeated=7)
    counts = day.counts
    assert counts.scored == 7
    parts = (counts.judged, counts.waiting, counts.unknown, counts.contradicted, counts.undefined)
    assert parts == (2, 1, 3, 1, 0)
    assert sum(parts) == counts.scored
    assert counts.repeated == 7
    assert (day.rows, day.loss, day.squares) == (2, 1.0, 1.0)


def test_a_row_of_which_the_metric_says_nothing_is_no_loss_and_no_gain():
    day = book([1, 3], [0, 2], spec=demand_spec(comparison__metric="mape"))
    assert (day.rows, day.error, day.counts.undefined) == (1, 0.5, 1)


def test_without_any_label_there_is_no_error_and_the_scores_are_profiled_all_the_same():
    day = book([1, 3], [NAN, NAN], waiting=2)
    assert (day.rows, day.error) == (0, None)
    assert day.profile_path is not None


def test_without_any_score_there_is_nothing():
    day = book([], [])
    assert (day.rows, day.error, day.profile_path) == (0, None, None)


@pytest.mark.parametrize("change", [{"comparison__metric": "mae"}, {"comparison__quantile": 0.9}])
def test_another_error_is_other_evidence(change):
    assert evidence_of(demand_spec(), "x") != evidence_of(demand_spec(**change), "x")
    assert evidence_of(demand_spec(), "x") == evidence_of(demand_spec(), "x")
    assert evidence_of(demand_spec(), "a", ["b"]) != evidence_of(demand_spec(), "a", "b")
