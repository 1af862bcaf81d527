"""What came out of a demo: a short table for people, a JSON file for machines."""

from pathlib import Path

from pydantic import BaseModel

from titlebout.core.drifting.drift_results import DriftFinding
from titlebout.core.results import Verdict
from titlebout.demo.evidence import Evidence
from titlebout.demo.progress import Progress, table


class StageSummary(BaseModel):
    """One stage, done or failed."""

    title: str
    seconds: float
    outcome: str


class Summary(BaseModel):
    """Grows while the demo runs; written at its end, whether it ended well or not."""

    dataset: str
    succeeded: bool = False
    error: str = ""
    seconds: float = 0.0
    stages: list[StageSummary] = []
    links: dict[str, str] = {}
    champions: list[str] = []
    verdicts: list[Verdict] = []
    drift_findings: list[DriftFinding] = []
    quarantined: list[str] = []

    def time(self, progress: Progress) -> None:
        """Take over the stages so far."""
        self.seconds = round(progress.elapsed_seconds, 1)
        self.stages = [
            StageSummary(title=stage.title, seconds=round(stage.seconds, 1), outcome=stage.outcome)
            for stage in progress.stages
        ]

    def ask(self, evidence: Evidence) -> None:
        """Take over what ledger and server say."""
        self.champions = [release.version for release in evidence.state().releases]
        self.verdicts = evidence.verdicts()
        self.drift_findings = evidence.drift_findings()
        self.quarantined = list(evidence.quarantined())
        self.links["Model server"] = evidence.server().url

    def write(self, path: Path) -> None:
        """Write the JSON file in one step."""
        temporary = path.with_suffix(".new")
        temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)

    def text(self) -> str:
        """Lay everything out for a person."""
        stages = [[f"{stage.seconds:.1f}", stage.title, stage.outcome] for stage in self.stages]
        bouts = [
            [
                verdict.partition,
                str(verdict.outcome),
                *(shown(value) for value in (verdict.champion_error, verdict.challenger_error, verdict.gain_low)),
                verdict.challenger,
                "released" if verdict.challenger in self.champions else "",
            ]
            for verdict in sorted(self.verdicts, key=lambda verdict: verdict.partition)
        ]
        header = ["bout of", "verdict", "champion's error", "challenger's", "gain at least", "challenger", ""]
        blocks = [
            table(["seconds", "stage", "what happened"], stages),
            table(header, bouts),
            f"quarantined: {', '.join(self.quarantined) or 'nothing'}",
            table(["link", "address"], [[name, url] for name, url in self.links.items()]),
            f"{self.seconds:.0f} s in all",
        ]
        return "\n\n".join(blocks)


def shown(value: float | None) -> str:
    """Write a number for a person, or a dash where there is none."""
    return "-" if value is None else f"{value:.4g}"
