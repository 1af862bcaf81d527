"""What a night is trained with after its search, or without one, and why."""

from collections.abc import Sequence

from titlebout.core.learning.parameter_trials import Settings, best_trial
from titlebout.core.learning.search_margin import proven_gain, spec_trial
from titlebout.core.learning.search_report import SearchPlan, SearchReport, SearchTrial
from titlebout.core.results import PartitionKey
from titlebout.core.specs.search_spec import SearchSection
from titlebout.core.specs.spec import ModelSpec


def searched_report(
    spec: ModelSpec,
    section: SearchSection,
    partition: PartitionKey,
    plan: SearchPlan,
    trials: Sequence[SearchTrial],
    validation: tuple[PartitionKey, ...],
) -> SearchReport:
    """Choose among the trials."""
    own = Settings.of(spec.training)
    chosen, reason = _choice(section, trials, own, spec.comparison.confidence)
    return SearchReport(
        model=spec.name,
        partition=partition,
        metric=spec.comparison.metric.value,
        seed=spec.training.seed,
        validation=validation,
        warm_start=plan.warm_start,
        trials=tuple(trials),
        chosen=chosen.number if chosen else None,
        params=chosen.params if chosen else own.params,
        rounds=chosen.rounds if chosen else own.rounds,
        reason=reason,
    )


def kept_report(spec: ModelSpec, section: SearchSection, partition: PartitionKey, plan: SearchPlan) -> SearchReport:
    """Take the champion's parameters over, on a night that does not search."""
    settings = Settings.of(spec.training).changed(plan.params)
    source = (
        f"those of champion {plan.warm_start}" if plan.warm_start else "the spec's own: no champion to take them from"
    )
    return SearchReport(
        model=spec.name,
        partition=partition,
        metric=spec.comparison.metric.value,
        seed=spec.training.seed,
        warm_start=plan.warm_start,
        params=settings.params,
        rounds=settings.rounds,
        reason=f"no search tonight (training.search.when: {section.when}): {source}",
    )


def _choice(
    section: SearchSection, trials: Sequence[SearchTrial], own: Settings, confidence: float
) -> tuple[SearchTrial | None, str]:
    """Return the trial whose parameters are taken, if there is one, and why."""
    best = best_trial(trials)
    if best is None:
        return None, f"all {len(trials)} trials failed, so the spec's own parameters; the first one: {trials[0].reason}"
    said = f"trial {best.number} of {len(trials)}, proposed by {best.origin}, has the smallest error {best.value:.6g}"
    if len(trials) < section.trials and section.seconds is not None:
        said += f"; {section.seconds:g} s were over before trial {len(trials) + 1}"
    kept = spec_trial(trials, own.params, own.rounds)
    if section.min_gain is None or kept is None or kept == best:
        return best, said
    low = proven_gain(best, kept, confidence=confidence)
    if low is not None and low >= section.min_gain:
        return best, f"{said}, proven to gain {low:.2%} over the spec's own parameters"
    proven = "its gain cannot be judged on one validation day" if low is None else f"a gain of only {low:.2%} is proven"
    return kept, f"{said}, but {proven}, min_gain is {section.min_gain:.2%}: the spec's own parameters stay"
