"""Retrains over the break of real data, by the story that `benchmarks/retraining.py` measures."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

pytestmark = pytest.mark.slow


@pytest.fixture
def retraining(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import retraining

    if not retraining.FILE.exists():
        pytest.skip(f"{retraining.FILE} is not there; point TITLEBOUT_DATA at it")
    yield retraining
    del sys.modules["retraining"]


def test_by_the_defaults_the_break_costs_three_retrains_and_one_call(retraining):
    story = retraining.told({}, retraining.BREAK + 5)
    assert [outcome for _, _, outcome in story.retrains if outcome == "promote"] == []
    assert len(story.retrains) == 3
    assert story.most_in_a_week <= 2
    assert story.stops.count("no gain") == 1
    assert story.looks_with_a_cause > len(story.retrains)
