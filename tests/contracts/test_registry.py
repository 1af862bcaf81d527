"""What every model registry keeps: the in-memory one of the tests, and MLflow on SQLite or a server."""

import math
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.mlflow_server import mlflow_server
from fakes.registry import MemoryRegistry
from fakes.tracked import a_challenger, a_verdict
from titlebout.adapters.mlflow_registry import MlflowRegistry
from titlebout.core.ports import ModelRegistry


@dataclass(frozen=True)
class Shop:
    """A registry, and how to look into it from outside."""

    registry: ModelRegistry
    metrics: Callable[[str, str], Mapping[str, float]]
    aliases: Callable[[str], Mapping[str, str]]
    versions: Callable[[str], int]


def memory() -> Shop:
    registry = MemoryRegistry()

    def metrics(model: str, version: str) -> Mapping[str, float]:
        run = registry.runs[model, version]
        bouts = {"bout.gain": run.verdicts[-1].gain} if run.verdicts else {}
        return {**run.metrics, **bouts}

    return Shop(
        registry=registry,
        metrics=metrics,
        aliases=lambda model: registry.aliases.get(model, {}),
        versions=lambda model: sum(name == model for name, _ in registry.runs),
    )


def mlflow(uri: str) -> Shop:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)

    def metrics(model: str, version: str) -> Mapping[str, float]:
        (found,) = client.search_model_versions(f"name = '{model}' and tags.`titlebout.version` = '{version}'")
        return client.get_run(found.run_id).data.metrics

    def aliases(model: str) -> Mapping[str, str]:
        numbers = client.get_registered_model(model).aliases
        return {
            alias: client.get_model_version(model, str(number)).tags["titlebout.version"]
            for alias, number in numbers.items()
        }

    return Shop(
        registry=MlflowRegistry(uri),
        metrics=metrics,
        aliases=aliases,
        versions=lambda model: len(client.search_model_versions(f"name = '{model}'")),
    )


@pytest.fixture(scope="session", params=["memory", "sqlite", pytest.param("server", marks=pytest.mark.slow)])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    # MLflow takes two seconds to make a database: all tests share one, each with a model of its own.
    if request.param == "memory":
        yield memory()
    elif request.param == "sqlite":
        yield mlflow(f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db")
    else:
        with mlflow_server(tmp_path_factory.mktemp("mlflow-server")) as uri:
            yield mlflow(uri)


@pytest.fixture
def model() -> str:
    return f"demand_{uuid.uuid4().hex[:12]}"


def record(shop: Shop, model: str, version: str, **metrics: float):
    return shop.registry.record_challenger(
        a_challenger(model, version),
        params={"rounds": 150, "params": {"eta": 0.1}},
        metrics=metrics or {"rmse": 41.5},
        files={"plan.json": b"{}"},
    )


def test_a_recorded_challenger_is_found_with_its_metrics(shop, model):
    registered = record(shop, model, "2012-06-01-aaaaaaaaaaaa", rmse=41.5)

    assert registered.registry_version == "1"
    assert registered.run_id
    if registered.run_url.startswith("http"):  # the pages of model training, not those of language models
        assert registered.run_url.endswith(f"/runs/{registered.run_id}?workflowType=machine_learning")
    assert registered.run_url
    assert shop.metrics(model, "2012-06-01-aaaaaaaaaaaa")["rmse"] == 41.5


def test_recording_a_challenger_again_adds_no_twin(shop, model):
    first = record(shop, model, "2012-06-01-aaaaaaaaaaaa")
    second = record(shop, model, "2012-06-01-aaaaaaaaaaaa")

    assert first == second
    assert shop.versions(model) == 1


def test_every_version_of_a_model_gets_its_own_run_and_number(shop, model):
    first = record(shop, model, "2012-06-01-aaaaaaaaaaaa")
    second = record(shop, model, "2012-06-02-bbbbbbbbbbbb")

    assert (first.registry_version, second.registry_version) == ("1", "2")
    assert first.run_id != second.run_id


def test_the_same_version_of_another_model_is_another_one(shop, model):
    record(shop, model, "2012-06-01-aaaaaaaaaaaa")
    record(shop, f"{model}_other", "2012-06-01-aaaaaaaaaaaa")

    assert (shop.versions(model), shop.versions(f"{model}_other")) == (1, 1)


def test_a_verdict_lands_on_the_challengers_run_however_often_it_is_told(shop, model):
    record(shop, model, "2012-06-01-aaaaaaaaaaaa", rmse=41.5)

    for _ in range(2):
        shop.registry.record_verdict(a_verdict(model, "2012-06-01-aaaaaaaaaaaa", gain=0.12))

    metrics = shop.metrics(model, "2012-06-01-aaaaaaaaaaaa")
    assert (metrics["rmse"], metrics["bout.gain"]) == (41.5, 0.12)


def test_a_verdict_on_a_version_that_was_never_tracked_changes_nothing(shop, model):
    record(shop, model, "2012-06-01-aaaaaaaaaaaa")

    shop.registry.record_verdict(a_verdict(model, "2012-06-02-bbbbbbbbbbbb", gain=0.12))

    assert "bout.gain" not in shop.metrics(model, "2012-06-01-aaaaaaaaaaaa")


def test_the_first_champion_has_no_predecessor(shop, model):
    record(shop, model, "2012-06-01-aaaaaaaaaaaa")

    shop.registry.set_champion(model, "2012-06-01-aaaaaaaaaaaa")

    assert shop.aliases(model) == {"champion": "2012-06-01-aaaaaaaaaaaa"}


def test_a_new_champion_pushes_the_old_one_to_previous_even_when_told_twice(shop, model):
    for version in ("2012-06-01-aaaaaaaaaaaa", "2012-06-02-bbbbbbbbbbbb"):
        record(shop, model, version)
        for _ in range(2):
            shop.registry.set_champion(model, version)

    assert shop.aliases(model) == {"champion": "2012-06-02-bbbbbbbbbbbb", "previous": "2012-06-01-aaaaaaaaaaaa"}


def test_a_rollback_swaps_the_two(shop, model):
    for version in ("2012-06-01-aaaaaaaaaaaa", "2012-06-02-bbbbbbbbbbbb"):
        record(shop, model, version)
        shop.registry.set_champion(model, version)

    shop.registry.set_champion(model, "2012-06-01-aaaaaaaaaaaa")

    assert shop.aliases(model) == {"champion": "2012-06-01-aaaaaaaaaaaa", "previous": "2012-06-02-bbbbbbbbbbbb"}


def test_a_version_that_was_never_tracked_cannot_take_the_alias(shop, model):
    record(shop, model, "2012-06-01-aaaaaaaaaaaa")
    shop.registry.set_champion(model, "2012-06-01-aaaaaaaaaaaa")

    shop.registry.set_champion(model, "2012-06-02-bbbbbbbbbbbb")

    assert shop.aliases(model) == {"champion": "2012-06-01-aaaaaaaaaaaa"}


def test_numbers_that_are_none_are_accepted_and_never_read_back_as_finite_ones(shop, model):
    record(shop, model, "2012-06-01-aaaaaaaaaaaa", rmse=41.5, gain=math.nan, bound=math.inf)

    metrics = shop.metrics(model, "2012-06-01-aaaaaaaaaaaa")

    assert not any(math.isfinite(metrics.get(name, math.nan)) for name in ("gain", "bound"))


def test_files_are_kept_apart_from_the_working_directory(shop, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    record(shop, model, "2012-06-01-aaaaaaaaaaaa")

    assert list(Path.cwd().iterdir()) == []
