"""Step `search_parameters`: what a challenger is trained with, found on its own training window, once per recipe."""

import logging
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from pydantic import ValidationError

from titlebout.core.errors import CorruptObjectError, LakeConflictError, SpecError, TitleboutError, UnavailableError
from titlebout.core.layout import search_part, search_path
from titlebout.core.learning.parameter_trials import Proposal, Settings, try_settings
from titlebout.core.learning.recipes import Recipe, read_recipe
from titlebout.core.learning.search_outcome import kept_report, searched_report
from titlebout.core.learning.search_port import ParameterSearch
from titlebout.core.learning.search_report import SearchPlan, SearchReport, SearchTrial, TrialOrigin
from titlebout.core.learning.search_rounds import Judge, run_rounds
from titlebout.core.learning.shared_trials import SharedTrials
from titlebout.core.learning.tail_trials import TailTrials, split_tail
from titlebout.core.machine.granted_cores import granted_cores, training_threads
from titlebout.core.partitions import calendar_of, shift_key
from titlebout.core.ports import Lake, Ledger
from titlebout.core.results import PartitionKey, RunContext, TrainingProof
from titlebout.core.specs.search_spec import SearchSection, SearchWhen
from titlebout.core.specs.spec import ModelSpec
from titlebout.core.versions import read_version

logger = logging.getLogger(__name__)

StoredT = TypeVar("StoredT", SearchPlan, SearchReport)

DRIFT = "drift"
"""Reason of a run that a drift finding has started."""


def search_parameters(
    spec: ModelSpec,
    run: RunContext,
    *,
    proof: TrainingProof,
    lake: Lake,
    ledger: Ledger,
    search: ParameterSearch,
    worker: int | None = None,
) -> SearchReport:
    """Search, or take the champion's parameters over on a night that does not search; the first answer stands.

    A report that is in the lake is the answer, whatever serves by now: a task that is cleared trains the same model.
    So are plan and trials: a search that was cut off goes on where it was, and workers, numbered from 1, share one.

    Raises:
        CorruptObjectError: What the lake holds of this search cannot be read.
        NotEnoughPartitionsError: Too few rows to learn from, or to judge trials on.
        PartitionUnreadableError: A label is missing or wrong, or a snapshot does not fit today's spec.
        SpecError: The spec has no section `training.search`.
        UnavailableError: Lake or ledger does not answer; clear the task to resume.
    """
    section = _section(spec)
    asked = Recipe.of(spec, run.partition, proof.training, proof.history).version
    path = report_of(spec, run, proof)
    if lake.has(path):
        logger.info("the parameters of %s are in the lake already", asked)
        return _stored(lake, path, SearchReport)
    if is_search_due(section.when, run):
        plan = _first(lake, search_part(spec.name, asked, "plan"), _plan(spec, section, run.partition, lake, ledger))
        _, tail = split_tail(proof.training, section.validation_days)
        try_out = _training(spec, section, proof, lake, worker)
        shared = SharedTrials(lake, spec.name, asked, try_out, None if worker is None else worker - 1)
        trials = _trials(spec, section, plan, search, shared.judge)
        report = searched_report(spec, section, run.partition, plan, trials, tuple(ref.partition for ref in tail))
        if report.chosen is None:
            logger.warning("all %d trials failed, the first one: %s", len(trials), trials[0].reason)
    else:
        report = kept_report(spec, section, run.partition, _plan(spec, section, run.partition, lake, ledger))
    report = _first(lake, path, report)
    logger.info("parameters of %s: %s", asked, report.reason)
    return report


def report_of(spec: ModelSpec, run: RunContext, proof: TrainingProof) -> str:
    """Return the path of the report on a night's parameters."""
    asked = Recipe.of(spec, run.partition, proof.training, proof.history).version
    return search_path(spec.name, asked, is_search=is_search_due(_section(spec).when, run))


def is_search_due(when: SearchWhen, run: RunContext) -> bool:
    """Whether a night searches: by its partition and its reason alone, so a night that is run again does the same."""
    match when:
        case SearchWhen.ALWAYS:
            return True
        case SearchWhen.DRIFT:
            return run.reason == DRIFT
        case SearchWhen.WEEKLY:
            return _week(run.partition) != _week(shift_key(run.partition, -1))


def _week(partition: PartitionKey) -> tuple[int, int]:
    return calendar_of(partition).days(partition)[0].isocalendar()[:2]


def _section(spec: ModelSpec) -> SearchSection:
    if spec.training.search is None:
        message = f"{spec.name}: training.search is not set; there is nothing to search"
        raise SpecError(message)
    return spec.training.search


def _training(
    spec: ModelSpec, section: SearchSection, proof: TrainingProof, lake: Lake, worker: int | None
) -> Callable[[Proposal], SearchTrial]:
    """Return what trains and judges a trial. Rows are read for the first one: a worker may come too late for any."""
    if worker is not None and not spec.training.threads:
        # All of a search may well be on one machine; threads change no model.
        rows = min(sum(ref.rows for ref in proof.training), section.max_rows)
        useful = training_threads(rows * len(spec.training.features.names))
        threads = min(max(1, granted_cores() // section.workers), useful)
        spec = spec.model_copy(update={"training": spec.training.model_copy(update={"threads": threads})})

    @cache
    def trials() -> TailTrials:
        days, rows = section.validation_days, section.max_rows
        return TailTrials.of(spec, lake, proof.training, proof.history, validation_days=days, max_rows=rows)

    return lambda proposal: try_settings(trials(), proposal)


def _trials(
    spec: ModelSpec, section: SearchSection, plan: SearchPlan, search: ParameterSearch, judge: Judge
) -> list[SearchTrial]:
    own = Settings.of(spec.training)
    first = [(TrialOrigin.SPEC, own)]
    if plan.warm_start:
        warm = own.changed(plan.params)
        first = [(TrialOrigin.CHAMPION, warm), *(first if warm != own else [])]
    study = search.study(section.space, seed=spec.training.seed, at_once=section.workers)
    done = list[SearchTrial]()
    for trial in run_rounds(section, own, first, study, judge):
        logger.info("trial %d of %d (%s): %s", trial.number, section.trials, trial.origin, _ending(trial))
        done.append(trial)
    return done


def _ending(trial: SearchTrial) -> str:
    return trial.reason if trial.value is None else f"{trial.value:.6g} in {trial.seconds:.1f} s"


def _plan(spec: ModelSpec, section: SearchSection, partition: PartitionKey, lake: Lake, ledger: Ledger) -> SearchPlan:
    """Begin with the champion; without it where there is none, or none that was known by that night."""
    served = ledger.state(spec.name).champion
    if served is None or served.partition >= partition:
        return SearchPlan(warm_start=None)
    try:
        training = read_recipe(lake, read_version(lake, spec.name, served.version)).spec(spec).training
    except UnavailableError:
        raise
    except TitleboutError as error:
        # Only a start: a champion that cannot be read is the bout's business.
        logger.warning("champion %s gives no parameters to start from: %s", served.version, error)
        return SearchPlan(warm_start=None)
    return SearchPlan(warm_start=served.version, params=Settings.of(training).within(section))


def _first(lake: Lake, path: str, made: StoredT) -> StoredT:
    """Publish what was made, and return what stands: of several workers, or tries, the first has the say."""
    try:
        lake.publish(path, made.document())
    except LakeConflictError:
        return _stored(lake, path, type(made))
    return made


def _stored(lake: Lake, path: str, kind: type[StoredT]) -> StoredT:
    try:
        return kind.model_validate_json(lake.read(path))
    except ValidationError as error:
        message = f"{lake.uri(path)}: not readable as the {kind.__name__} of a search; restore the lake from a backup"
        raise CorruptObjectError(message) from error
