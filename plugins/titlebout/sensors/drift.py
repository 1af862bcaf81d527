"""Sensor that waits until something speaks for a retrain, and the gate lets it through."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException
from pydantic import JsonValue

from titlebout.core.errors import UnavailableError
from titlebout.project import load_model_spec
from titlebout.step_operator import ModelOperator, step_in_a_task
from titlebout.task_links import DriftReportLink, drift_address

if TYPE_CHECKING:
    from titlebout.core.retraining.watch_report import WatchReport

TRIGGERER_PATIENCE = timedelta(minutes=10)
"""So much later than agreed a triggerer may wake the sensor; then the scheduler does, and the look is tried again."""


class DriftSensor(ModelOperator):
    """Looks at a model until a run was asked for, and returns what it saw; see the step `watch_model`.

    Between two looks it waits in the triggerer, without a worker slot, and keeps nothing but the moment at which it
    gives up: what was found and asked for stands in lake and ledger, so a look that is lost, or made twice, changes
    nothing. A lake or a ledger that does not answer costs that look; it fails the task only if it was the last one.
    That nothing speaks for a retrain is the usual case, hence a skip and not a failure.

    Args:
        poke_interval: Time between two looks. `execution_timeout` is that of one look.
        look_for: No look begins later than this after the first one; nothing: look once.
        **kwargs: See `ModelOperator`.
    """

    operator_extra_links = (DriftReportLink(),)

    def __init__(
        self,
        *,
        poke_interval: timedelta = timedelta(minutes=15),
        look_for: timedelta = timedelta(hours=6),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval = poke_interval
        self.look_for = look_for

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Look for the first time."""
        return self._look(context, until=datetime.now(UTC) + self.look_for)

    def look_again(self, context: Context, until: str, event: object = None) -> dict[str, JsonValue]:
        """Look once more.

        Args:
            context: Airflow's context of the task.
            until: When to give up.
            event: What the trigger said when it woke the task: the time, which nobody needs.
        """
        return self._look(context, until=datetime.fromisoformat(until))

    def _look(self, context: Context, *, until: datetime) -> dict[str, JsonValue]:
        is_last = datetime.now(UTC) + self.poke_interval > until
        with step_in_a_task():
            try:
                report = self._report(context)
            except UnavailableError as error:
                if is_last:
                    raise  # tried again as any task is
                self.log.warning("this look is lost, the next one is in %s: %s", self.poke_interval, error)
                self._wait(until)
        if report.asked_for.retrain is None:
            if is_last:
                message = f"nothing was asked for: {report.lines[-1]}"
                raise AirflowSkipException(message)
            self._wait(until)
        return report.as_json()

    def _wait(self, until: datetime) -> NoReturn:
        self.defer(
            trigger=TimeDeltaTrigger(self.poke_interval),
            method_name="look_again",
            kwargs={"until": until.isoformat()},
            timeout=self.poke_interval + TRIGGERER_PATIENCE,
        )

    def _report(self, context: Context) -> "WatchReport":
        from titlebout.steps.report_drift import report_look
        from titlebout.steps.watch_model import watch_model

        spec = load_model_spec(self.model)
        lake, ledger = self.lake(), self.ledger()
        report = watch_model(spec, lake=lake, ledger=ledger)
        if written := report_look(spec, report, lake=lake, ledger=ledger):
            context["ti"].xcom_push(key=DriftReportLink.address_key, value=drift_address(spec.name, written.partition))
        return report
