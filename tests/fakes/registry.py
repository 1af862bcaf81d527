"""A model registry in memory, under the same contract as MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from titlebout.core.errors import UnavailableError
from titlebout.core.ports import RegisteredVersion
from titlebout.core.results import TrainedChallenger, Verdict
from titlebout.core.tracking import NO_DETAILS, TrackedDetails


@dataclass
class TrackedRun:
    """What a registry remembers of one challenger."""

    challenger: TrainedChallenger
    registered: RegisteredVersion
    params: dict[str, JsonValue]
    metrics: dict[str, float]
    files: dict[str, bytes]
    details: TrackedDetails = NO_DETAILS
    verdicts: list[Verdict] = field(default_factory=list)
    bout_files: list[dict[str, bytes]] = field(default_factory=list)


class MemoryRegistry:
    """Keep runs and aliases in dictionaries.

    Attributes:
        runs: (model, version) to what was tracked.
        aliases: Model to alias to version: `champion`, and `previous` once there was one.
        is_down: Set it to make every call raise `UnavailableError`.
    """

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], TrackedRun] = {}
        self.aliases: dict[str, dict[str, str]] = {}
        self.is_down = False

    def record_challenger(
        self,
        challenger: TrainedChallenger,
        *,
        params: Mapping[str, JsonValue],
        metrics: Mapping[str, float],
        files: Mapping[str, bytes],
        details: TrackedDetails = NO_DETAILS,
    ) -> RegisteredVersion:
        """Track a challenger once."""
        self._answer()
        key = (challenger.model, challenger.version)
        if key not in self.runs:
            number = 1 + sum(model == challenger.model for model, _ in self.runs)
            run_id = f"run-{len(self.runs) + 1}"
            registered = RegisteredVersion(run_id, f"memory://registry/{run_id}", str(number))
            self.runs[key] = TrackedRun(challenger, registered, dict(params), dict(metrics), dict(files), details)
        return self.runs[key].registered

    def record_verdict(self, verdict: Verdict, *, files: Mapping[str, bytes] | None = None) -> None:
        """Attach a verdict to the challenger's run; without such a run there is nothing to write to."""
        self._answer()
        run = self.runs.get((verdict.model, verdict.challenger))
        if run and verdict not in run.verdicts:
            run.verdicts.append(verdict)
            run.bout_files.append(dict(files or {}))

    def set_champion(self, model: str, version: str) -> None:
        """Move the aliases, unless the version already is the champion or is not tracked."""
        self._answer()
        aliases = self.aliases.setdefault(model, {})
        champion = aliases.get("champion")
        if (model, version) not in self.runs or champion == version:
            return
        if champion:
            aliases["previous"] = champion
        aliases["champion"] = version

    def _answer(self) -> None:
        if self.is_down:
            message = "registry at memory://registry does not answer; start it and clear this task"
            raise UnavailableError(message)
