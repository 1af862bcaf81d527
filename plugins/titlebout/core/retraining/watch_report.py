"""The result of one look at a model: findings, the retrain that was asked for, and why no other was."""

from pydantic import Field

from titlebout.core.drifting.drift_results import DriftReport
from titlebout.core.results import PartitionKey, Result
from titlebout.core.retraining.causes import RetrainCause
from titlebout.core.retraining.retrain_record import AskedRetrain


class AskedFor(Result):
    """What came of the causes."""

    retrain: AskedRetrain | None = Field(default=None, description="The run to start; it may be there already.")
    is_new: bool = Field(default=False, description="Whether this look asked, or another at the very moment.")
    refusals: tuple[str, ...] = Field(default=(), description="What starts nothing, and why.")
    stops: tuple[str, ...] = Field(default=(), description="What a person was told in this look.")


class WatchReport(Result):
    """One look at a model."""

    model: str
    champion: str | None
    drift: DriftReport
    performance: str = Field(default="", description="What performance came to, in one line.")
    causes: tuple[RetrainCause, ...] = ()
    undecided: tuple[str, ...] = Field(default=(), description="What could not be told; it starts nothing.")
    asked_for: AskedFor = AskedFor()

    @property
    def looked_at(self) -> tuple[PartitionKey, ...]:
        """The newest partitions."""
        return self.drift.looked_at

    @property
    def lines(self) -> tuple[str, ...]:
        """Return what a task log says of it."""
        asked = self.asked_for
        looked = f"looked at {', '.join(self.looked_at) or 'no partition'} for {self.champion or 'no champion'}"
        found = [f"drift: {self.drift.reason}", *([f"performance: {self.performance}"] if self.performance else [])]
        lines = [looked, *found, *self.undecided, *asked.refusals, *asked.stops]
        if asked.retrain:
            how = "asked for" if asked.is_new else "still to be judged:"
            lines.append(f"{how} {asked.retrain.run_id}: {asked.retrain.why}")
        elif not self.causes:
            lines.append("nothing speaks for a retrain")
        return tuple(lines)
