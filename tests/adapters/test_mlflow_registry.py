"""What is particular to MLflow; what every registry keeps is in tests/contracts."""

import contextlib
import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest

from fakes.ports import own_port
from fakes.tracked import a_challenger, a_verdict
from titlebout.adapters.mlflow_registry import SETTINGS, MlflowRegistry, tracked_models
from titlebout.adapters.mlflow_registry.mlflow_access import MlflowAccess
from titlebout.core.errors import AccessRefusedError, ConnectionSettingsError, UnavailableError
from titlebout.core.tracking import ModelExample, TrackedDetails, TrackedTrial

VERSION = "2012-06-01-aaaaaaaaaaaa"


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(scope="module")
def registry(uri: str) -> MlflowRegistry:
    return MlflowRegistry(uri)


@pytest.fixture(scope="module")
def client(uri: str):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture
def model() -> str:
    return f"demand_{uuid.uuid4().hex[:12]}"


def record(registry: MlflowRegistry, model: str, **changes: dict):
    arguments = {"params": {"rounds": 150}, "metrics": {"rmse": 41.5}, "files": {"plan.json": b"{}"}, **changes}
    return registry.record_challenger(a_challenger(model, VERSION), **arguments)


def all_runs(client, model: str) -> dict[str, list]:
    """Return the runs of a model by name; those that were deleted are left out."""
    from mlflow.entities import ViewType

    experiment = client.get_experiment_by_name(model)
    found = {}
    for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ACTIVE_ONLY):
        found.setdefault(run.info.run_name, []).append(run)
    return found


def runs(client, model: str) -> list:
    """Return the runs of versions."""
    return [run for found in all_runs(client, model).values() for run in found if "titlebout.version" in run.data.tags]


def test_the_page_on_a_version_says_in_words_what_it_is(registry, client, model):
    record(registry, model, details=TrackedDetails(description="# A card\n" + "long " * 5000))
    (run,) = runs(client, model)
    assert run.data.tags["mlflow.note.content"].startswith("# A card\nlong")


def test_what_a_killed_try_left_running_is_replaced(registry, client, model):
    experiment = client.create_experiment(model)
    half_written = client.create_run(experiment, tags={"titlebout.version": VERSION})
    client.log_param(half_written.info.run_id, "rounds", "another value")

    registered = record(registry, model)

    (run,) = runs(client, model)
    assert run.info.run_id == registered.run_id != half_written.info.run_id
    assert (run.info.status, run.data.params["rounds"]) == ("FINISHED", "150")


def test_a_run_that_was_finished_but_not_registered_is_registered_as_it_is(registry, client, model):
    experiment = client.create_experiment(model)
    finished = client.create_run(experiment, tags={"titlebout.version": VERSION})
    client.set_terminated(finished.info.run_id)

    registered = record(registry, model)

    assert registered.run_id == finished.info.run_id
    assert len(runs(client, model)) == 1


def test_of_two_tries_that_register_at_the_same_moment_the_first_one_stays(registry, client, model, monkeypatch):
    first = record(registry, model)
    # The second try looked before the first one had registered.
    monkeypatch.setattr(tracked_models, "find_version", lambda *question: None)

    second = record(registry, model)

    assert second == first
    assert len(client.search_model_versions(f"name = '{model}'")) == 1


def test_tasks_that_meet_a_new_model_at_the_same_moment_all_get_their_version(registry, uri, client, model):
    registry.set_champion(model, VERSION)  # the database is there before they start
    together = threading.Barrier(4)

    def one(day: int) -> str:
        its_own = MlflowRegistry(uri)
        its_own.set_champion(model, VERSION)  # connects
        together.wait(timeout=60)
        challenger = a_challenger(model, f"2012-06-0{day}-aaaaaaaaaaaa")
        return its_own.record_challenger(challenger, params={}, metrics={}, files={}).registry_version

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(one, range(1, 5)))

    assert sorted(numbers) == ["1", "2", "3", "4"]
    assert len(runs(client, model)) == 4


def test_files_that_cannot_be_stored_leave_no_version(tmp_path, client, uri, model):
    (tmp_path / "a_file").write_text("in the way of a folder")

    with pytest.raises(UnavailableError, match="not stored"):
        record(MlflowRegistry(uri, artifact_root=f"{tmp_path.as_uri()}/a_file"), model)

    assert client.search_model_versions(f"name = '{model}'") == []


def test_a_verdict_is_written_once(registry, client, model):
    registered = record(registry, model)

    for _ in range(3):
        registry.record_verdict(a_verdict(model, VERSION, gain=0.12))

    assert len(client.get_metric_history(registered.run_id, "bout.gain")) == 1
    tags = client.get_run(registered.run_id).data.tags
    assert tags["titlebout.outcome"] == "promote"
    assert "beats the baseline" in tags["titlebout.reasons"]


def test_a_bout_without_a_number_leaves_none(registry, client, model):
    registered = record(registry, model)

    registry.record_verdict(a_verdict(model, VERSION, gain=None))

    assert "bout.gain" not in client.get_run(registered.run_id).data.metrics


def test_infinity_becomes_a_tag_since_mlflow_stores_it_as_a_finite_number(registry, client, model):
    registered = record(registry, model, metrics={"rmse": math.inf, "gain": math.nan, "mae": 30.0})

    data = client.get_run(registered.run_id).data
    assert data.metrics == {"mae": 30.0}
    assert (data.tags["rmse"], data.tags["gain"]) == ("inf", "nan")


def test_many_parameters_and_awkward_names_fit(registry, client, model):
    params = {f"parameter_{n}": n for n in range(250)} | {"long": "x" * 50_000, "nested": {"a": [1]}}
    registered = record(registry, model, params=params, metrics={"share of weather=clear": 0.5})

    data = client.get_run(registered.run_id).data
    assert len(data.params) == 252
    assert data.params["nested"] == '{"a": [1]}'
    assert data.metrics == {"share of weather_clear": 0.5}


def test_the_registered_version_names_the_model_bytes(registry, client, model):
    record(registry, model)

    (version,) = client.search_model_versions(f"name = '{model}'")
    assert version.tags["titlebout.model_sha256"] == a_challenger(model, VERSION).model_sha256


def test_the_files_lie_beside_the_database_and_hold_no_pickle(registry, uri, model):
    record(registry, model, files={"model.ubj": b"{}", "plan.json": b"{}"})

    folder = Path(uri.removeprefix("sqlite:///")).parent / "artifacts" / model
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == ["MLmodel", "model.ubj", "plan.json"]


def test_mlflow_itself_loads_the_registered_model(registry, uri, model, monkeypatch):
    import mlflow
    import pandas as pd
    import xgboost as xgb

    rows = np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2)
    booster = xgb.train({"max_depth": 2}, xgb.DMatrix(rows, rows.sum(axis=1), feature_names=["a", "b"]), 3)
    registered = record(registry, model, files={"model.ubj": bytes(booster.save_raw("ubj"))})
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    name = f"models:/{model}/{registered.registry_version}"

    expected = booster.predict(xgb.DMatrix(rows, feature_names=["a", "b"]))
    loaded = mlflow.xgboost.load_model(name)
    np.testing.assert_array_equal(loaded.predict(xgb.DMatrix(rows, feature_names=["a", "b"])), expected)
    frame = pd.DataFrame(rows, columns=["a", "b"])
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(name).predict(frame), expected)


@pytest.fixture
def silent_server() -> Iterator[tuple[str, list[socket.socket]]]:
    """Take connections and never say a word; yield the address and who came."""
    came: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    came.append(listener.accept()[0])

        thread = threading.Thread(target=take, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", came
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in came:
        connection.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_of_the_worker_is_not_called_a_server_that_is_down(tmp_path: Path):
    access = MlflowAccess(f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(UnavailableError, match=r"^no room .*: No space left on device; make room"), access.client():
        Path("/dev/full").write_bytes(b"an artifact")


def test_a_server_that_is_silent_is_given_up_after_two_timeouts(silent_server, model, monkeypatch):
    """Operations states the bound: two times MLFLOW_HTTP_REQUEST_TIMEOUT."""
    address, came = silent_server
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")

    with pytest.raises(UnavailableError, match="does not answer"):
        MlflowRegistry(address).set_champion(model, VERSION)

    assert len(came) == 2
    assert float(SETTINGS["MLFLOW_HTTP_REQUEST_TIMEOUT"]) * 2 <= 20


def test_a_server_that_is_down_is_asked_twice_and_is_unavailable(model, monkeypatch, caplog):
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)

    with pytest.raises(UnavailableError), caplog.at_level("WARNING", "urllib3"):
        MlflowRegistry(f"http://127.0.0.1:{own_port()}").set_champion(model, VERSION)

    assert len([said for said in caplog.messages if said.startswith("Retrying")]) == 1


def test_an_unavailable_server_is_named_without_its_password(model, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    port = own_port()

    with pytest.raises(UnavailableError) as failure:
        MlflowRegistry(f"http://titlebout:hunter2@127.0.0.1:{port}").set_champion(model, VERSION)

    assert f"http://127.0.0.1:{port}" in str(failure.value)
    assert "Airflow connection" in str(failure.value)
    assert "hunter2" not in str(failure.value)


def test_a_database_that_cannot_be_opened_is_unavailable_within_seconds(tmp_path, model):
    (tmp_path / "mlflow.db").mkdir()
    started = time.monotonic()

    with pytest.raises(UnavailableError, match=r"mlflow\.db"):
        MlflowRegistry(f"sqlite:///{tmp_path}/mlflow.db").set_champion(model, VERSION)

    assert time.monotonic() - started < 15


@pytest.fixture
def another_server() -> Iterator[str]:
    """Answer like a web server that is no MLflow."""

    class NotFound(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *message: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), NotFound)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_no_mlflow_is_refused_and_not_retried(another_server, model):
    with pytest.raises(AccessRefusedError, match=r"127\.0\.0\.1"):
        MlflowRegistry(another_server).set_champion(model, VERSION)


def test_the_old_file_store_is_refused(tmp_path, model):
    with pytest.raises(AccessRefusedError):
        MlflowRegistry(tmp_path.as_uri()).set_champion(model, VERSION)


@pytest.mark.parametrize("uri", ["mssql+pyodbc://nowhere/mlflow", "mysql+oracledb://nowhere/mlflow"])
def test_a_missing_database_driver_is_named(model, uri):
    with pytest.raises(ConnectionSettingsError, match=r"pyodbc|oracledb"):
        MlflowRegistry(uri).set_champion(model, VERSION)


def test_what_the_user_set_for_mlflow_stands(uri, model, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "99")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)

    MlflowRegistry(uri).set_champion(model, VERSION)

    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "99"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == SETTINGS["MLFLOW_HTTP_REQUEST_MAX_RETRIES"]


TRIAL = TrackedTrial(0, {"max_depth": 3}, {"loss": 0.5}, {"state": "complete"})


def a_night(registry: MlflowRegistry, model: str) -> None:
    """Track a training with its search, and a bout."""
    curves = {"curve.holdout_rmse": [(1, 9.0), (2, 7.0), (5, math.nan), (9, 6.0)]}
    details = TrackedDetails(curves=curves, files={"insight/importance.csv": b"feature\n"}, trials=(TRIAL,))
    record(registry, model, files={"model.ubj": b"{}"}, details=details)
    registry.record_verdict(a_verdict(model, VERSION, gain=0.12), files={"bout.json": b"{}"})


NIGHT_RUNS = [VERSION[:10], f"compare {VERSION}", f"train {VERSION}", "trial 0"]


def test_a_night_is_one_run_with_its_tasks_and_trials_below_it_however_often_it_is_told(registry, client, model):
    for _ in range(2):
        a_night(registry, model)

    found = all_runs(client, model)
    assert {name: len(each) for name, each in found.items()} == dict.fromkeys(NIGHT_RUNS, 1)
    (night,) = found.pop(VERSION[:10])
    parents = {run.data.tags["mlflow.parentRunId"] for (run,) in found.values()}
    assert parents == {night.info.run_id}
    assert night.data.tags["titlebout.outcome"] == "promote"
    assert {run.info.status for (run,) in [[night], *found.values()]} == {"FINISHED"}


def test_a_second_version_of_a_night_joins_the_same_night(registry, client, model):
    record(registry, model)
    registry.record_challenger(a_challenger(model, f"{VERSION[:10]}-bbbbbbbbbbbb"), params={}, metrics={}, files={})

    found = all_runs(client, model)
    assert len(found.pop(VERSION[:10])) == 1
    assert len(found) == 2


class KilledError(BaseException):
    """The process ends here."""


def dies_after(patch: pytest.MonkeyPatch, writes: int) -> None:
    """Let the process end right after so many writes to MLflow."""
    from mlflow import MlflowClient

    left = [writes]

    def dying(write):
        def call(*arguments, **named):
            result = write(*arguments, **named)
            left[0] -= 1
            if not left[0]:
                raise KilledError
            return result

        return call

    for name in ("create_run", "log_batch", "log_artifacts", "set_terminated", "create_model_version"):
        patch.setattr(MlflowClient, name, dying(getattr(MlflowClient, name)))


def test_killed_after_any_write_a_night_is_made_up_for_without_twins(uri, client, monkeypatch):
    for writes in range(1, 30):
        model = f"demand_{uuid.uuid4().hex[:12]}"
        with monkeypatch.context() as patch:
            dies_after(patch, writes)
            try:
                a_night(MlflowRegistry(uri), model)
            except KilledError:
                pass
            else:
                break
        a_night(MlflowRegistry(uri), model)
        found = all_runs(client, model)
        assert {name: len(each) for name, each in found.items()} == dict.fromkeys(NIGHT_RUNS, 1), writes
        assert {run.info.status for each in found.values() for run in each} == {"FINISHED"}, writes
        assert len(client.search_model_versions(f"name = '{model}'")) == 1
        (train,) = found[f"train {VERSION}"]
        assert (train.data.metrics["rmse"], train.data.metrics["bout.gain"]) == (41.5, 0.12)
        (night,) = found[VERSION[:10]]
        assert night.data.tags["titlebout.outcome"] == "promote", writes
    assert writes > 12


def test_a_curve_is_a_metric_with_a_history(registry, client, model):
    a_night(registry, model)

    (run,) = runs(client, model)
    history = client.get_metric_history(run.info.run_id, "curve.holdout_rmse")
    assert [(each.step, each.value) for each in history] == [(1, 9.0), (2, 7.0), (9, 6.0)]


def test_a_bout_has_a_run_of_its_own_and_another_bout_another_one(registry, client, model):
    a_night(registry, model)
    registry.record_verdict(a_verdict(model, VERSION, gain=0.2), files={"bout.json": b"[]"})

    bouts = all_runs(client, model)[f"compare {VERSION}"]
    assert sorted(run.data.metrics["bout.gain"] for run in bouts) == [0.12, 0.2]
    assert [artifact.path for artifact in client.list_artifacts(bouts[0].info.run_id)] == ["bout.json"]


def test_a_version_that_an_older_release_tracked_gets_its_verdict(registry, client, model):
    experiment = client.create_experiment(model)
    old = client.create_run(experiment, tags={"titlebout.version": VERSION})
    client.set_terminated(old.info.run_id)
    record(registry, model)

    registry.record_verdict(a_verdict(model, VERSION, gain=0.12))

    assert client.get_run(old.info.run_id).data.metrics["bout.gain"] == 0.12
    assert len(all_runs(client, model)[f"compare {VERSION}"]) == 1


def test_the_model_has_a_signature_and_an_example_that_mlflow_scores(registry, uri, client, model, monkeypatch):
    import mlflow
    import pandas as pd
    import xgboost as xgb

    rows = np.linspace(0, 1, 40, dtype=np.float32).reshape(20, 2)
    rows[0, 1] = np.nan
    booster = xgb.train({"max_depth": 2}, xgb.DMatrix(rows, rows[:, 0], feature_names=["a", "b"]), 3)
    outputs = booster.predict(xgb.DMatrix(rows[:3], feature_names=["a", "b"])).astype(float)
    details = TrackedDetails(example=ModelExample(("a", "b"), rows[:3], outputs))
    registered = record(registry, model, files={"model.ubj": bytes(booster.save_raw("ubj"))}, details=details)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    name = f"models:/{model}/{registered.registry_version}"

    found = mlflow.models.get_model_info(name)
    assert found.signature.inputs.input_names() == ["a", "b"]
    assert found.signature.outputs is not None
    loaded = mlflow.pyfunc.load_model(name)
    assert list(loaded.input_example.columns) == ["a", "b"]
    np.testing.assert_allclose(loaded.predict(loaded.input_example.astype(np.float32)), outputs, rtol=1e-6)
    np.testing.assert_allclose(loaded.predict(pd.DataFrame(rows[:3], columns=["a", "b"])), outputs, rtol=1e-6)
