"""Which failures of a task are tried again, how often, and how soon."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy

from titlebout.core.errors import TitleboutError, UnavailableError

RETRIES = 5
"""What our DAGs set. With the delays below the last try starts at least 4.5 minutes after the first one failed, and at
most 6.5: a database that fails over is away for one or two, and whoever is told of a failure is told so much later.
"""
UNKNOWN_RETRIES = 2
"""A bug fails again however often it is tried; what a library did in a bad moment does not."""


class StepFailed(SystemExit):
    """A step's own error on its way to Airflow; its message is the error's.

    It is a `SystemExit` because Airflow's task runner logs the message of one in a single line, but any
    other exception with a traceback, which says nothing to somebody who forgot a partition key.
    """


class StepUnavailable(StepFailed):
    """A step's `UnavailableError` on its way to Airflow."""


class StepRetryPolicy(RetryPolicy):
    """Tries again what may go well another time.

    A service that did not answer is asked again as often as the task's `retries` say; a mistake is not tried again,
    and an error that nobody foresaw at most twice. A task that was killed raises nothing: Airflow tries it again as
    often as a service. The task's own `retry_delay` holds, growing by `retry_exponential_backoff`.
    """

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide what follows a failure.

        Args:
            exception: What ended the task.
            try_number: Number of this try, from 1; it goes on counting when the task is cleared.
            max_tries: Number of the last try that may be followed by another; clearing the task raises it.
            context: Airflow's context of the task.
        """
        # The order matters: what is unavailable is one of our own errors, too.
        if isinstance(exception, StepUnavailable | UnavailableError) or _is_airflow_away(exception):
            return RetryDecision.retry(reason="a service did not answer; trying again may help")
        if isinstance(exception, StepFailed | TitleboutError):
            return RetryDecision.fail(reason="trying again would not help")
        retries = context["task"].retries if context else None
        tries_before = 0 if retries is None else max_tries - retries  # until it was cleared for the last time
        if try_number - tries_before > UNKNOWN_RETRIES:
            return RetryDecision.fail(reason=f"nobody foresaw it, and {UNKNOWN_RETRIES} more tries did not help")
        return RetryDecision.default()


def _is_airflow_away(exception: BaseException) -> bool:
    """Whether Airflow's own API server or its database did not answer the task."""
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

    return isinstance(exception, AirflowRuntimeError) and exception.error.error is ErrorType.API_SERVER_ERROR


STEP_RETRY_POLICY = StepRetryPolicy()
RETRY_DEFAULTS: Mapping[str, Any] = {
    "retry_policy": STEP_RETRY_POLICY,
    "retry_delay": timedelta(seconds=10),  # of each delay Airflow makes up to twice as much
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=2),
}


def over_retry_defaults(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Slip the retry behaviour of a step below the operator's arguments and the DAG's `default_args`."""
    return {**arguments, "default_args": {**RETRY_DEFAULTS, **(arguments.get("default_args") or {})}}
