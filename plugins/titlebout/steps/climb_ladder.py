"""Step `climb_ladder`: how far simpler models come on the training window, so that somebody may ask for one."""

import logging

from titlebout.core.errors import TitleboutError, UnavailableError
from titlebout.core.learning.ladder import climb
from titlebout.core.learning.ladder_report import LadderReport
from titlebout.core.ports import Lake
from titlebout.core.results import RunContext, TrainingProof
from titlebout.core.specs.spec import ModelSpec

logger = logging.getLogger(__name__)


def climb_ladder(
    spec: ModelSpec, run: RunContext, *, proof: TrainingProof, lake: Lake, validation_days: int
) -> LadderReport | None:
    """Compare the challenger's settings with simpler models; decides nothing.

    All are judged on the newest `validation_days` of the training window; the holdout is left alone. A challenger is
    whole without: what hinders the comparison is logged and passed over.

    Raises:
        UnavailableError: The lake does not answer; clear the task to resume.
    """
    try:
        report = climb(spec, lake, run.partition, proof, validation_days=validation_days)
    except UnavailableError:
        raise
    except TitleboutError as error:
        logger.warning("no ladder: %s", error)
        return None
    for rung in report.rungs:
        ending = rung.reason if rung.error is None else f"{report.metric} {rung.error:.6g}"
        logger.info("ladder: %s: %s", rung.name, ending)
    if report.as_good:
        logger.warning("not clearly worse than the challenger: %s; a simpler model may do", ", ".join(report.as_good))
    return report
