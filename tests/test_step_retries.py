"""Which failures are tried again, how often, and how soon."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.airflow

LONGEST_FAILOVER = timedelta(minutes=2)
LONGEST_SILENCE = timedelta(minutes=7)


def decision(error: BaseException, *, try_number: int = 1, cleared_after: int = 0, retries: int = 5):
    """Return what follows a try of a task that was cleared after some tries."""
    from titlebout.step_retries import STEP_RETRY_POLICY

    context = {"task": SimpleNamespace(retries=retries)}
    return STEP_RETRY_POLICY.evaluate(error, try_number, cleared_after + retries, context).action.value


def airflow_error(kind: str) -> BaseException:
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    return AirflowRuntimeError(ErrorResponse(error=ErrorType(kind)))


def test_only_an_unavailable_service_is_tried_again_among_our_own_errors():
    from titlebout.core import errors
    from titlebout.step_retries import StepFailed, StepUnavailable

    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    for error in [each for each in classes if issubclass(each, errors.TitleboutError)]:
        wanted = "retry" if issubclass(error, errors.UnavailableError) else "fail"
        assert decision(error.__new__(error)) == wanted, error
    assert decision(StepUnavailable("message")) == "retry"
    assert decision(StepFailed("message")) == "fail"


@pytest.mark.parametrize("try_number", range(1, 6))
def test_a_service_is_asked_again_as_often_as_the_task_says(try_number):
    from titlebout.step_retries import StepUnavailable

    assert decision(StepUnavailable("message"), try_number=try_number) == "retry"
    assert decision(airflow_error("API_SERVER_ERROR"), try_number=try_number) == "retry"


@pytest.mark.parametrize("cleared_after", [0, 3, 6])
@pytest.mark.parametrize("error", [ZeroDivisionError(), airflow_error("XCOM_NOT_FOUND")])
def test_a_bug_is_tried_three_times_each_time_somebody_clears_the_task(error, cleared_after):
    tries = [decision(error, try_number=cleared_after + each, cleared_after=cleared_after) for each in (1, 2, 3)]
    assert tries == ["default", "default", "fail"]


def test_a_policy_that_is_told_nothing_of_the_task_counts_all_tries():
    from titlebout.step_retries import STEP_RETRY_POLICY

    assert [STEP_RETRY_POLICY.evaluate(ValueError(), each, 5).action.value for each in (2, 3)] == ["default", "fail"]


def waits(task) -> list[timedelta]:
    """Return the pauses that Airflow itself makes after each try of a task."""
    from airflow.models.taskinstance import TaskInstance

    end = datetime(2024, 5, 2, tzinfo=UTC)
    found = []
    for number in range(1, task.retries + 1):
        ended = SimpleNamespace(
            task=task, end_date=end, try_number=number, retry_delay_override=None, dag_id="dag", task_id=task.task_id,
            logical_date=None,
        )  # fmt: skip
        found.append(TaskInstance.next_retry_datetime(ended) - end)
    return found


def test_the_tries_of_a_step_outlast_a_failover_and_end_soon_after():
    from titlebout.operators.ingest_partition import IngestPartitionOperator
    from titlebout.step_retries import RETRIES

    pauses = waits(IngestPartitionOperator(task_id="ingest_partition", model="demand", retries=RETRIES))
    assert timedelta(seconds=10) <= pauses[0] < timedelta(seconds=20)  # most outages are over by then
    assert pauses == sorted(pauses)
    assert 2 * LONGEST_FAILOVER <= sum(pauses, timedelta()) <= LONGEST_SILENCE


def test_a_dag_or_a_task_may_say_otherwise():
    from airflow.sdk import DAG

    from titlebout.operators.ingest_partition import IngestPartitionOperator
    from titlebout.step_retries import STEP_RETRY_POLICY

    with DAG("dag", schedule=None, default_args={"retry_delay": timedelta(minutes=7)}):
        task = IngestPartitionOperator(task_id="task", model="demand")
        other = IngestPartitionOperator(task_id="other", model="demand", retry_delay=timedelta(minutes=9))
    assert (task.retry_delay, other.retry_delay) == (timedelta(minutes=7), timedelta(minutes=9))
    assert {task.retry_policy, other.retry_policy} == {STEP_RETRY_POLICY}
