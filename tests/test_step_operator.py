"""What the operators share."""

import inspect
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from fakes.airflow_probe import run_probe
from fakes.project_folder import make_project
from fakes.specs import demand_document, demand_spec

pytestmark = pytest.mark.airflow


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with the model `demand`."""
    return make_project(tmp_path, monkeypatch, demand_document())


def operator_classes() -> list[type]:
    from titlebout.operators.compare_with_champion import CompareWithChampionOperator
    from titlebout.operators.deploy_model import DeployModelOperator
    from titlebout.operators.ingest_partition import IngestPartitionOperator
    from titlebout.operators.train_challenger import TrainChallengerOperator
    from titlebout.operators.validate_partition import ValidatePartitionOperator
    from titlebout.sensors.drift import DriftSensor

    return [
        CompareWithChampionOperator,
        DeployModelOperator,
        DriftSensor,
        IngestPartitionOperator,
        TrainChallengerOperator,
        ValidatePartitionOperator,
    ]


def own_arguments(operator: type) -> list[str]:
    """Return the constructor arguments that Titlebout's classes add to Airflow's."""
    ours = [each for each in operator.__mro__ if each.__module__.startswith("titlebout")]
    names = [name for each in ours for name in inspect.signature(each.__init__).parameters]
    return [name for name in names if name not in {"self", "kwargs", "poke_interval", "look_for"}]


def airflow_context(*, conf: dict[str, Any] | None = None, key: str | None = None, run_type: str = "manual") -> Any:
    """Return the part of a task's context that matters here, with the enumeration that a worker really gets."""
    from airflow.sdk.api.datamodels._generated import DagRunType

    dag_run = SimpleNamespace(conf=conf, partition_key=key, run_type=DagRunType(run_type), run_id="the-run")
    return {"dag_run": dag_run, "outlet_events": {}}


def result(**changes: Any) -> Any:
    from titlebout.core.results import Release, ReleaseStatus

    return Release(model="demand", version="v1", status=ReleaseStatus.SETTLED, **changes)


@pytest.mark.parametrize("index", range(6))
def test_an_operator_stores_its_arguments_unchanged_and_renders_all_of_them(index: int):
    operator = operator_classes()[index]
    given = {name: object() for name in own_arguments(operator)}
    task = operator(task_id="task", **given)
    assert {name: getattr(task, name) for name in given} == given
    assert set(operator.template_fields) == set(given)


@pytest.mark.parametrize(
    ("run_type", "kind", "reason"),
    [
        ("scheduled", "scheduled", "schedule"),
        ("backfill", "backfill", "backfill"),
        ("manual", "manual", "triggered by hand"),
        ("operator_triggered", "manual", "triggered by hand"),
        ("asset_materialization", "manual", "triggered by hand"),
    ],
)
def test_only_a_backfill_is_not_live(run_type: str, kind: str, reason: str):
    from titlebout.step_operator import run_context

    run = run_context(airflow_context(key="2024-05-01", run_type=run_type), demand_spec())
    assert (run.kind, run.reason, run.run_id) == (kind, reason, "the-run")
    assert run.is_live == (run_type != "backfill")


@pytest.mark.parametrize(
    ("conf", "key", "override", "expected"),
    [
        (None, "2024-05-01", None, "2024-05-01"),
        ({"partition": None, "reason": ""}, "2024-05-01", None, "2024-05-01"),
        ({"partition": "2024-05-02"}, "2024-05-01", None, "2024-05-02"),
        ({"partition": "2024-05-02"}, "2024-05-01", "2024-05-03", "2024-05-03"),
        ({"partition": "2024-05-02"}, None, None, "2024-05-02"),
    ],
)
def test_the_partition_comes_from_the_operator_then_the_form_then_the_run(conf, key, override, expected):
    from titlebout.step_operator import run_context

    assert run_context(airflow_context(conf=conf, key=key), demand_spec(), override).partition == expected


def test_a_reason_given_with_the_run_is_kept():
    from titlebout.step_operator import run_context

    context = airflow_context(conf={"reason": "late data"}, key="2024-05-01", run_type="scheduled")
    assert run_context(context, demand_spec()).reason == "late data"


def test_a_run_without_a_key_is_told_where_to_put_one():
    from titlebout.core.errors import PartitionKeyError
    from titlebout.step_operator import run_context

    with pytest.raises(PartitionKeyError, match="Advanced Options > Partition Key"):
        run_context(airflow_context(), demand_spec())


def test_the_result_is_plain_json(project: Path):
    from titlebout.step_operator import StepOperator

    class Fine(StepOperator):
        def run_step(self, spec, run, context):
            return result(reason=f"{spec.name} {run.partition}")

    returned = Fine(task_id="fine", model="demand").execute(airflow_context(key="2024-05-01"))
    assert json.loads(json.dumps(returned)) == returned
    assert returned["reason"] == "demand 2024-05-01"


@pytest.mark.parametrize(("reason", "days"), [("drift", 5), ("a new tariff", 10)])
def test_a_run_for_drift_works_by_the_settings_that_the_spec_has_for_it(project: Path, reason, days):
    document = demand_document(drift__retrain={"window_days": 5})
    (project / "include" / "models" / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    from titlebout.core.results import Release
    from titlebout.step_operator import StepOperator

    seen = []

    class Fine(StepOperator):
        def run_step(self, spec, run, context):
            seen.append(spec.training.window_days)
            return Release(model=spec.name, version="v1", status="skipped")

    context = airflow_context(conf={"partition": "2024-05-01", "reason": reason})
    Fine(task_id="fine", model="demand").execute(context)
    assert seen == [days]


def test_every_asset_event_carries_the_partition_key(project: Path):
    from airflow.sdk import Asset
    from airflow.sdk.execution_time.context import OutletEventAccessors

    from titlebout.step_operator import StepOperator

    class Fine(StepOperator):
        def run_step(self, spec, run, context):
            return result()

    asset = Asset(name="demand_partition")
    context = airflow_context(conf={"partition": "2024-05-01"}) | {"outlet_events": OutletEventAccessors()}
    Fine(task_id="fine", model="demand", outlets=[asset]).execute(context)
    assert context["outlet_events"][asset].partition_keys == {"2024-05-01"}


@pytest.mark.parametrize("given", [{"key": "2024-W18-1"}, {"conf": {"partition": "2024-W18"}}])
def test_a_week_has_its_monday_in_airflow_and_nowhere_else(project: Path, given, monkeypatch):
    from airflow.sdk import Asset
    from airflow.sdk.execution_time.context import OutletEventAccessors

    from titlebout import step_operator

    class Fine(step_operator.StepOperator):
        def run_step(self, spec, run, context):
            return result(reason=run.partition)

    windows = {"training__window_days": 28, "training__holdout_days": 21}
    monkeypatch.setattr(
        step_operator, "load_model_spec", lambda name: demand_spec(dataset__cadence="weekly", **windows)
    )
    asset = Asset(name="demand_partition")
    context = airflow_context(**given) | {"outlet_events": OutletEventAccessors()}
    assert Fine(task_id="fine", model="demand", outlets=[asset]).execute(context)["reason"] == "2024-W18"
    assert context["outlet_events"][asset].partition_keys == {"2024-W18-1"}


def test_an_input_that_is_not_what_it_should_be_names_argument_and_field():
    from titlebout.core.errors import TitleboutError
    from titlebout.core.results import Release
    from titlebout.step_operator import read_input

    assert read_input(Release, result().model_dump(mode="json"), "release") == result()
    with pytest.raises(TitleboutError, match="argument 'release' holds no Release: status: "):
        read_input(Release, {**result().model_dump(mode="json"), "status": "maybe"}, "release")
    with pytest.raises(TitleboutError, match="argument 'release' holds no Release: the whole value: "):
        read_input(Release, None, "release")


PROBE = '''"""An Airflow DAG whose steps fail in three ways."""
from datetime import timedelta
from airflow.sdk import DAG
from titlebout.core.errors import PartitionRejectedError, UnavailableError
from titlebout.core.results import Release
from titlebout.step_operator import StepOperator

class Mistake(StepOperator):
    def run_step(self, spec, run, context):
        raise PartitionRejectedError("3 expectations failed; mend the source")

class Away(StepOperator):
    def run_step(self, spec, run, context):
        if context["ti"].try_number <= 4:
            raise UnavailableError("the ledger does not answer; start it")
        return Release(model=spec.name, version="v1", status="settled")

class Bug(StepOperator):
    def run_step(self, spec, run, context):
        return 1 / 0

with DAG("probe", schedule=None, default_args={"retries": 4, "retry_delay": timedelta(0)}):
    Mistake(task_id="mistake", model="demand")
    Away(task_id="away", model="demand")
    Bug(task_id="bug", model="demand")
'''


@pytest.mark.slow
def test_in_airflow_a_mistake_is_one_line_an_absent_service_a_retry_and_a_bug_a_traceback(project: Path):
    states, log = run_probe(project, PROBE)
    assert states == {"mistake": ["failed", 1], "away": ["success", 5], "bug": ["failed", 3]}
    assert log.count("PartitionRejectedError: 3 expectations failed; mend the source") == 1
    assert log.count("UnavailableError: the ledger does not answer; start it") == 4
    assert log.count("Traceback") == 3
    assert "ZeroDivisionError" in log
