"""Sensor that waits until the newest partitions have drifted away from what the champion knows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue
from airflow.sdk.exceptions import AirflowTaskTimeout

from titlebout.connections import airflow_connection
from titlebout.core.errors import UnavailableError
from titlebout.project import load_model_spec
from titlebout.step_operator import failures_in_one_line, over_retry_defaults, quiet_libraries
from titlebout.wiring import build_lake, build_ledger


class DriftSensor(BaseSensorOperator):
    """Looks at the newest accepted partitions until a drift finding is worth a retrain; returns the finding.

    Between two looks it gives its worker slot back. No finding until `timeout` is the usual case, hence a
    skip and not a failure.

    Args:
        model: Name of the model spec (templated).
        lake_conn_id: Connection of the lake (templated).
        ledger_conn_id: Connection of the ledger (templated).
        poke_interval: Time between two looks.
        timeout: Time after which the sensor stops looking and skips.
        **kwargs: See Airflow's `BaseSensorOperator`; `mode` and `soft_fail` are fixed.
    """

    template_fields: Sequence[str] = ("model", "lake_conn_id", "ledger_conn_id")

    def __init__(
        self,
        *,
        model: str,
        lake_conn_id: str = "titlebout_lake",
        ledger_conn_id: str = "titlebout_ledger",
        poke_interval: timedelta | float = timedelta(minutes=15),
        timeout: timedelta | float = timedelta(hours=6),
        **kwargs: Any,
    ) -> None:
        fixed = {"mode": "reschedule", "soft_fail": True}
        for name, value in fixed.items():
            if kwargs.setdefault(name, value) != value:
                message = f"DriftSensor: {name} is always {value!r}; leave it out"
                raise ValueError(message)
        super().__init__(poke_interval=poke_interval, timeout=timeout, **over_retry_defaults(kwargs))
        self.model = model
        self.lake_conn_id = lake_conn_id
        self.ledger_conn_id = ledger_conn_id

    def poke(self, context: Context) -> PokeReturnValue:
        """Measure drift once."""
        quiet_libraries()
        with failures_in_one_line():
            return self._look()

    def _look(self) -> PokeReturnValue:
        from titlebout.steps.measure_drift import measure_drift

        try:
            report = measure_drift(
                load_model_spec(self.model),
                lake=build_lake(airflow_connection(self.lake_conn_id)),
                ledger=build_ledger(airflow_connection(self.ledger_conn_id)),
            )
        except AirflowTaskTimeout:
            # `soft_fail` would turn it into a skip, and a look that never ended is not "no drift".
            message = f"measuring drift of {self.model} took longer than execution_timeout"
            raise UnavailableError(message) from None
        self.log.info("looked at %s: %s", ", ".join(report.looked_at) or "no partition", report.reason)
        if report.finding is None:
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=report.finding.as_json())
