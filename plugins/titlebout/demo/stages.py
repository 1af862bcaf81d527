"""The story that the demo plays, and the check at the end of each act."""

from collections.abc import Callable

from titlebout.core.results import Outcome, Verdict
from titlebout.core.specs.spec import ModelSpec
from titlebout.demo.airflow_api import AirflowApi
from titlebout.demo.evidence import Evidence, Prediction
from titlebout.demo.failure import DemoError
from titlebout.demo.progress import Progress, Stage, table
from titlebout.demo.run_watch import RunWatch, TaskOfRun
from titlebout.demo.scenario import Scenario
from titlebout.demo.summary import shown

PREDICTIONS = 6
Deliver = Callable[[str, str, bool], int]
"""Puts the days from one to another into the source, with the injected drift or without."""


class Story:
    """Plays the life of one model: backfill, first champion, drift, next champion."""

    def __init__(
        self,
        spec: ModelSpec,
        scenario: Scenario,
        *,
        deliver: Deliver,
        watch: RunWatch,
        evidence: Evidence,
        progress: Progress,
    ) -> None:
        """Take the parts; nothing happens yet."""
        self._spec = spec
        self._scenario = scenario
        self._deliver = deliver
        self._watch = watch
        self._api: AirflowApi = watch.api
        self._evidence = evidence
        self._progress = progress

    def play(self) -> None:
        """Play all acts in order.

        Raises:
            DemoError: An act did not do its part.
        """
        acts: dict[str, Callable[[Stage], None]] = {
            "backfill the past": self._backfill,
            "run a live night": self._live_night,
            "ask the champion": self._ask_champion,
            "watch for drift": self._watch_for_drift,
            "let the world change": self._change_the_world,
            "find drift, retrain": self._find_drift_and_retrain,
            "ask the new champion": self._ask_new_champion,
        }
        for title, act in acts.items():
            with self._progress.stage(title) as stage:
                act(stage)

    def _backfill(self, stage: Stage) -> None:
        days, broken = self._scenario.backfilled, self._scenario.backfilled_and_faulty
        dag_id = self._spec.nightly_dag_id
        self._api.set_paused(dag_id, paused=False)
        self._watch.backfill(stage, dag_id, days, failing=broken)
        self._evidence.check_never_released()
        judged = {verdict.partition for verdict in self._evidence.verdicts()}
        if judged != set(days) - set(broken):
            message = f"verdicts were reached for {', '.join(sorted(judged))}; expected all good days of the backfill"
            raise DemoError(message)
        if missing := set(broken) - set(self._evidence.quarantined()):
            message = f"{', '.join(sorted(missing))} should wait in quarantine"
            raise DemoError(message)
        versions = self._evidence.check_untouched(self._scenario.faulty)
        refused = f", {', '.join(broken)} refused by validation as it should be" if broken else ""
        stage.ends_with(
            f"{len(judged)} of {len(days)} days judged by {versions} challengers{refused}; nothing released"
        )

    def _live_night(self, stage: Stage) -> None:
        day = self._scenario.live
        self._deliver(day, day, False)
        conf = {"reason": "first live night of the demo"}
        run_id = self._api.trigger(self._spec.nightly_dag_id, run_id=f"live__{day}", partition=day, conf=conf)
        self._watch.run(stage, self._spec.nightly_dag_id, run_id)
        self._check_promoted(day)
        champion = self._evidence.check_champion(day)
        stage.ends_with(f"first champion {champion.version} serves at {self._evidence.server().url}")

    def _ask_champion(self, stage: Stage) -> None:
        self._ask(stage, self._scenario.live)

    def _watch_for_drift(self, stage: Stage) -> None:
        sensor = self._sensor
        self._api.set_paused(sensor.dag_id, paused=False)
        self._api.trigger(sensor.dag_id, run_id=sensor.run_id, partition=self._scenario.live, conf={})
        stage.update("first look")
        self._watch.task_state(sensor, "deferred")
        if self._evidence.drift_findings():
            message = "the drift sensor found drift before there was any"
            raise DemoError(message, log=self._watch.log(sensor))
        stage.ends_with("no drift; the sensor gave its worker slot back and looks again later")

    def _change_the_world(self, stage: Stage) -> None:
        days = self._scenario.drifting
        self._progress.say(f"           INJECTED into {days[0]} to {days[-1]}: {self._scenario.injection}")
        self._deliver(days[0], days[-1], True)
        self._watch.backfill(stage, self._spec.nightly_dag_id, days)
        self._evidence.check_champion(self._scenario.live)
        stage.ends_with(f"{len(days)} days with injected drift caught up; a backfill releases nothing")

    def _find_drift_and_retrain(self, stage: Stage) -> None:
        nightly, sensor = self._spec.nightly_dag_id, self._sensor
        # What *Clear* does in Airflow's grid: the sensor looks now instead of a quarter of an hour later.
        self._api.clear(*sensor)
        stage.update("the sensor looks again")
        run = self._watch.run_started_by(sensor, nightly, "drift__")
        if run["conf"].get("reason") != "drift":
            message = f"run {run['dag_run_id']} has the reason {run['conf'].get('reason')!r} instead of 'drift'"
            raise DemoError(message)
        self._watch.run(stage, nightly, run["dag_run_id"])
        self._watch.run(stage, sensor.dag_id, sensor.run_id)
        finding = self._evidence.drift_findings()[-1]
        verdict = self._check_promoted(finding.newest_partition)
        champion = self._evidence.check_champion(finding.newest_partition)
        gain = f"error {shown(verdict.champion_error)} -> {shown(verdict.challenger_error)}"
        stage.ends_with(f"drift in {', '.join(finding.columns)}; new champion {champion.version}, {gain}")

    def _ask_new_champion(self, stage: Stage) -> None:
        self._ask(stage, self._scenario.drift_last)

    @property
    def _sensor(self) -> TaskOfRun:
        return TaskOfRun(self._spec.drift_dag_id, f"watch__{self._scenario.live}", "watch_model")

    def _check_promoted(self, day: str) -> Verdict:
        """Return the newest verdict, which must be a promotion of this day's challenger."""
        verdict = self._evidence.verdicts()[-1]
        if verdict.partition != day or verdict.outcome is not Outcome.PROMOTE:
            message = f"the newest verdict is {verdict.outcome} for {verdict.partition}: {'; '.join(verdict.reasons)}"
            raise DemoError(message)
        return verdict

    def _ask(self, stage: Stage, day: str) -> None:
        answers = self._evidence.predict(day, PREDICTIONS)
        self._progress.say(_as_table(answers, self._spec))
        mean = sum(abs(each.predicted - each.actual) for each in answers) / len(answers)
        stage.ends_with(f"{len(answers)} predictions for {day}, {mean:.1f} off on average")


def _as_table(answers: list[Prediction], spec: ModelSpec) -> str:
    """Lay out the rows asked about, with as many of their fields as fit into a line."""
    names = list(answers[0].row)
    names = [*names[:-4:-1], *names[: min(2, len(names) - 3)]]
    header = [*names, f"predicted {spec.dataset.target}", "actual"]
    rows = [
        [*(str(each.row[name]) for name in names), f"{each.predicted:.1f}", f"{each.actual:.1f}"] for each in answers
    ]
    return "\n".join(f"           {line}" for line in table(header, rows).splitlines())
