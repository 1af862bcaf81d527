"""A replay by known answers: what each policy would have lost on days that nobody had seen."""

import math

import numpy as np
import pytest

from fakes.demand_days import DemandWorld, run_of
from fakes.specs import demand_spec
from titlebout.core.bouts.timeline import Night, Policy, Scored, Timeline, fold_nights
from titlebout.core.errors import FieldError
from titlebout.core.ledgers.ledger import LedgerState
from titlebout.core.results import Outcome
from titlebout.steps.train_challenger import train_challenger

ROWS = 24
SPEC = demand_spec(comparison__metric="mae", comparison__min_gain=0.1)


@pytest.fixture(scope="module")
def world():
    world = DemandWorld(SPEC)
    world.deliver_days("2024-01-01", "2024-01-24")
    return world


@pytest.fixture(scope="module")
def nights(world):
    """Ten nights with a version each; what they score is up to the test."""
    state = {key: record.ref() for key, record in LedgerState.of(world.ledger.entries(SPEC.name)).partitions.items()}
    made = []
    for day in range(11, 21):
        key = f"2024-01-{day}"
        challenger = train_challenger(SPEC, run_of(key), lake=world.lake, ledger=world.ledger, registry=world.registry)
        holdout = tuple(state[f"2024-01-{day - back:02}"] for back in (2, 1, 0))
        made.append(Night(key, challenger, holdout))
    return made


@pytest.fixture(scope="module")
def days(world):
    partitions = LedgerState.of(world.ledger.entries(SPEC.name)).partitions
    return [partitions[key].ref() for key in sorted(partitions) if "2024-01-11" < key <= "2024-01-22"]


def scorer(error_of_night, seen=None):
    """Score every row of a version with the same absolute error, which depends on version and day."""

    def score(model, ref):
        if seen is not None:
            seen.append((model, ref))
        labels = np.arange(ROWS, dtype=float)
        return Scored(labels, labels + error_of_night(model.partition, ref.partition))

    return score


def fold(nights, days, error, seen=None, spec=SPEC) -> Timeline:
    return fold_nights(spec, nights, days, scorer(error, seen))


def test_each_policy_pays_the_error_of_whom_it_lets_serve(nights, days):
    # Every model is 20 % better than the one of the night before, down to a floor.
    errors = {night.partition: 4 * 0.8**n for n, night in enumerate(nights)}
    timeline = fold(nights, days, lambda version, day: errors[version])
    assert {verdict.outcome for verdict in timeline.verdicts} == {Outcome.PROMOTE}
    assert timeline.error(Policy.NEVER) == pytest.approx(4.0)
    expected = np.mean([errors[min(f"2024-01-{day - 1}", "2024-01-20")] for day in range(12, 23)])
    assert timeline.error(Policy.REPLAYED) == pytest.approx(expected)
    assert timeline.error(Policy.ALWAYS) == pytest.approx(expected)
    assert timeline.error(Policy.HINDSIGHT) == pytest.approx(expected)
    assert [version for version, _ in timeline.reigns()] == [night.challenger.version for night in nights]


def test_a_gain_below_the_margin_keeps_the_champion_and_another_policy_does_not(nights, days):
    errors = {night.partition: 4 * 0.95**n for n, night in enumerate(nights)}  # 5 % a night, the margin is 10 %
    strict = fold(nights, days, lambda version, day: errors[version])
    # Ten per cent are reached every third night.
    assert [verdict.outcome for verdict in strict.verdicts].count(Outcome.PROMOTE) == 4
    rules = SPEC.comparison.model_copy(update={"min_gain": 0.01})
    lenient = fold(
        nights, days, lambda version, day: errors[version], spec=SPEC.model_copy(update={"comparison": rules})
    )
    assert [verdict.outcome for verdict in lenient.verdicts].count(Outcome.PROMOTE) == 10
    assert lenient.error(Policy.REPLAYED) < strict.error(Policy.REPLAYED)


def test_worse_challengers_serve_only_those_who_always_retrain(nights, days):
    first = nights[0].partition
    timeline = fold(nights, days, lambda version, day: 2.0 if version == first else 3.0)
    assert timeline.error(Policy.REPLAYED) == timeline.error(Policy.NEVER) == pytest.approx(2.0)
    assert timeline.error(Policy.ALWAYS) == pytest.approx((2.0 + 10 * 3.0) / 11)
    assert timeline.error(Policy.HINDSIGHT) == pytest.approx(2.0)
    assert len([*timeline.reigns()]) == 1


def test_nobody_is_scored_for_the_policies_on_a_day_of_its_own_night_or_before(nights, days):
    seen = []
    timeline = fold(nights, days, lambda version, day: 1.0, seen)
    for day in timeline.days:
        for version in day.versions.values():
            assert version[:10] < day.partition
    holdouts = {(night.partition, ref.partition) for night in nights for ref in night.holdout}
    for model, ref in seen:
        assert model.partition < ref.partition or (model.partition, ref.partition) in holdouts


def test_before_the_first_promotion_nothing_serves(nights, days):
    # Worse than a constant until the sixth night.
    timeline = fold(nights, days, lambda version, day: 1e6 if version < "2024-01-16" else 1.0)
    assert timeline.days[0].partition == "2024-01-17"
    assert set(timeline.days[0].versions.values()) == {nights[5].challenger.version}


def test_without_any_promotion_there_is_no_timeline(nights, days):
    timeline = fold(nights, days, lambda version, day: math.nan)
    assert timeline.days == ()
    assert math.isnan(timeline.error(Policy.REPLAYED))
    assert [*timeline.reigns()] == []


def test_a_model_without_a_number_is_never_the_best_in_hindsight(nights, days):
    bad = nights[3].partition
    timeline = fold(nights, days, lambda version, day: math.nan if version == bad else 1.0)
    assert nights[3].challenger.version not in {day.versions[Policy.HINDSIGHT] for day in timeline.days}
    assert math.isnan(timeline.error(Policy.ALWAYS))


def test_the_nights_after_the_last_day_are_judged_too(nights, days):
    assert len(fold(nights, days[:2], lambda version, day: 1.0).verdicts) == len(nights)


def test_rows_whose_labels_come_later_count_for_no_policy(nights, days):
    def score(model, ref):
        labels = np.arange(ROWS, dtype=float)
        labels[{"2024-01-20": 5, "2024-01-21": 0}.get(ref.partition, ROWS) :] = np.nan
        return Scored(labels, labels + 2)

    timeline = fold_nights(SPEC, nights, days, score)
    assert {policy: timeline.error(policy) for policy in Policy} == dict.fromkeys(Policy, 2.0)
    assert timeline.unlabelled == ("2024-01-21",)
    assert [day.partition for day in timeline.days][-2:] == ["2024-01-20", "2024-01-22"]
    assert [day.rows for day in timeline.days][-3:] == [ROWS, 5, ROWS]


def test_a_score_that_is_no_number_is_no_missing_label(nights, days):
    timeline = fold(nights, days, lambda version, day: math.nan if day == "2024-01-21" else 1.0)
    assert timeline.unlabelled == ()
    assert math.isnan(timeline.error(Policy.NEVER))


def test_a_day_that_cannot_be_scored_is_left_out_and_concludes_nothing(nights, days):
    """Such as one with an infinite temperature: the other two years are worth a replay all the same."""

    def score(model, ref):
        if ref.partition == "2024-01-14":
            raise FieldError("temperature", "holds infinity")
        labels = np.arange(ROWS, dtype=float)
        return Scored(labels, labels + 2)

    timeline = fold_nights(SPEC, nights, days, score)
    assert timeline.unscored == {"2024-01-14": "field 'temperature' holds infinity"}
    assert len(timeline.days) == len(days) - 1
    ends = {verdict.partition: verdict for verdict in timeline.verdicts}
    assert "holdout 2024-01-14 cannot be scored by both: field 'temperature'" in ends["2024-01-16"].reasons[0]
    assert "cannot be scored" not in ends["2024-01-17"].reasons[0]


def test_rows_that_have_no_error_by_any_model_count_for_no_policy(nights, days):
    """A share of a label that is zero is none."""

    def score(model, ref):
        labels = np.arange(1.0, ROWS + 1)
        scores = 1.25 * labels
        labels[0] = 0 if ref.partition == "2024-01-22" else 1
        return Scored(labels, scores)

    timeline = fold_nights(demand_spec(comparison__metric="mape"), nights, days, score)
    assert [day.rows for day in timeline.days][-2:] == [ROWS, ROWS - 1]
    assert timeline.error(Policy.REPLAYED) == pytest.approx(0.25)
