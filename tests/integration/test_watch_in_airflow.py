"""Both watches in Airflow itself, with its metadata database: drift is found, and one run of the nightly is made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fakes.demand_days import DemandWorld, demand_rows, run_of
from fakes.specs import demand_document
from titlebout.adapters.local_lake import LocalLake
from titlebout.adapters.sql_ledger import SqlLedger
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.partitions import keys_between
from titlebout.core.specs.spec import ModelSpec
from titlebout.steps.train_challenger import train_challenger

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

DAGS = Path(__file__).resolve().parents[2] / "dags"

# What the scheduler, the dag processor and the api-server do, one after the other, in one process.
RUN = f"""
import json, pathlib
from sqlalchemy import select, update
from airflow.assets.manager import asset_manager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel, DagRun
from airflow.models.asset import AssetModel
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.db import initdb
from airflow.utils.session import create_session

initdb()
folder = pathlib.Path({str(DAGS)!r})
bag = DagBag(dag_folder=str(folder), bundle_path=folder, bundle_name="dags-folder")
with create_session() as session:
    if session.get(DagBundleModel, "dags-folder") is None:
        session.add(DagBundleModel(name="dags-folder"))
sync_bag_to_db(bag, "dags-folder", None)
with create_session() as session:
    session.execute(update(DagModel).values(is_paused=False))


def runs(dag_id):
    with create_session() as session:
        found = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id))
        return [(run.run_id, run.partition_key, run.conf, run.note) for run in found]


def watched(dag_id):
    run = bag.dags[dag_id].test()
    return {{task.task_id: str(task.state) for task in run.get_task_instances()}}


first, second = watched("demand_drift"), watched("demand_news")
scheduler = SchedulerJobRunner(Job())
with create_session() as session:
    for name, key in [("demand_kept", "2024-01-15"), ("demand_champion", "2024-01-16"), ("demand_log", "2024-01-17")]:
        asset = session.scalar(select(AssetModel).where(AssetModel.name == name))
        asset_manager.register_asset_change(asset=asset, partition_key=key, session=session)
with create_session() as session:
    scheduler._create_dagruns_for_partitioned_asset_dags(session)
answer = {{"first": first, "second": second, "nightly": runs("demand_nightly"), "news": runs("demand_news")}}
pathlib.Path("answer.json").write_text(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    """Return what Airflow made of a model whose data has drifted."""
    folder = tmp_path_factory.mktemp("watched")
    ledger = SqlLedger(f"sqlite:///{folder / 'ledger.sqlite'}")
    document = demand_document(serving__log={"enabled": True})
    world = DemandWorld(spec=ModelSpec.model_validate(document), lake=LocalLake(folder / "lake"), ledger=ledger)
    world.deliver_days("2024-01-01", "2024-01-13")
    stores = {"lake": world.lake, "ledger": ledger, "registry": world.registry}
    world.release(train_challenger(world.spec, run_of("2024-01-13"), **stores))
    for key in keys_between("2024-01-14", "2024-01-16"):
        world.deliver(key, demand_rows(key, level=1.8))
    models = folder / "include" / "models"
    models.mkdir(parents=True)
    (folder / "expectations").mkdir()
    suite = {"expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}]}
    (folder / "expectations" / "demand.json").write_text(json.dumps(suite), encoding="utf-8")
    (models / "demand.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    connections = {
        "LAKE": {"extra": {"root_uri": (folder / "lake").as_uri()}},
        "LEDGER": {"conn_type": "sqlite", "host": str(folder / "ledger.sqlite")},
    }
    named = {
        f"AIRFLOW_CONN_TITLEBOUT_{name}": json.dumps({"conn_type": "generic", **fields})
        for name, fields in connections.items()
    }
    airflow = {"AIRFLOW_HOME": str(folder / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS)}
    environment = {**os.environ, **named, **airflow, "TITLEBOUT_HOME": str(folder)}
    command = [sys.executable, "-c", RUN]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads((folder / "answer.json").read_text())
    found["ledger"] = [entry.payload for entry in ledger.entries("demand", kinds={EntryKind.RETRAIN_ASKED})]
    return found


def test_drift_starts_the_run_that_the_ledger_names(answer):
    # No model server runs here, which the task beside the watch says, and the watch does not mind.
    assert answer["first"] == {"watch_model": "success", "retrain": "success", "check_skew": "failed"}
    (asked,) = answer["ledger"]
    ((run_id, _, conf, note),) = answer["nightly"]
    assert run_id == asked["run_id"]
    assert run_id.startswith("drift__2024-01-16__")
    assert conf == {name: asked[name] for name in ("partition", "reason", "fingerprint", "why")}
    assert note == f"drift: {asked['why']}"


def test_a_second_look_hands_the_same_run_out_and_one_that_is_there_is_no_failure(answer):
    assert answer["second"] == {"watch_model": "success", "retrain": "skipped"}
    assert len(answer["nightly"]) == 1


def test_a_night_that_is_over_and_a_log_that_landed_wake_the_news(answer):
    woken = [(run_id.partition("__")[0], key) for run_id, key, *_ in answer["news"] if key]
    assert woken == [("asset_triggered", key) for key in ("2024-01-15", "2024-01-16", "2024-01-17")]
