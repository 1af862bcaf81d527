"""A champion is taken back whatever became of its spec: ledger, lake and server have to do."""

import hashlib
from datetime import date

import pytest
import yaml

from fakes.project_folder import make_project
from fakes.server_host import MemoryServerHost
from fakes.serving_world import MODEL, ServingWorld, verdict_on
from fakes.specs import demand_document
from titlebout import emergency
from titlebout.connection_fields import ConnectionFields
from titlebout.core.errors import ConnectionSettingsError, DeploymentError, SpecError, UnavailableError
from titlebout.core.layout import version_manifest
from titlebout.core.rollback_plan import RollbackRequest
from titlebout.core.specs.spec import DeploymentSection, DeploymentTarget
from titlebout.emergency import StandingModel
from titlebout.steps.rehearse_rollback import rehearse_rollback
from titlebout.steps.roll_back_model import roll_back_model

PROCESS, DOCKER, NONE = DeploymentTarget.PROCESS, DeploymentTarget.DOCKER, DeploymentTarget.NONE


@pytest.fixture
def home(tmp_path, monkeypatch):
    return make_project(tmp_path, monkeypatch, demand_document())


@pytest.fixture
def world(home) -> ServingWorld:
    return ServingWorld.with_a_bad_winner()


def standing(world: ServingWorld, model: str = MODEL) -> StandingModel:
    return StandingModel.of(model, lake=world.lake, ledger=world.ledger)


def spec_file(home):
    return home / "include" / "models" / f"{MODEL}.yaml"


def broken(world: ServingWorld, home) -> StandingModel:
    spec_file(home).write_text("name: [demand\n", encoding="utf-8")
    return standing(world)


def places(monkeypatch, **hosts: MemoryServerHost) -> None:
    """Let these kinds of servers be there; the connections of all others are missing."""

    def build(deployment: DeploymentSection, *_, **__) -> MemoryServerHost:
        if deployment.target not in hosts:
            message = "connection is not defined"
            raise ConnectionSettingsError(message)
        return hosts[deployment.target]

    monkeypatch.setattr(emergency, "build_plain_host", build)


def unasked(conn_id: str) -> ConnectionFields:
    raise AssertionError(conn_id)


def test_a_good_spec_is_taken_as_it_is(world):
    found = standing(world)
    assert (found.spec.deployment.target, found.mistake, found.note) == (PROCESS, "", "")


@pytest.mark.parametrize(
    "text",
    [
        "name: [demand\n",
        "dataset: {first_partition: 2024-13-01}\n",
        yaml.safe_dump(demand_document(training__windw_days=3)),
        yaml.safe_dump(demand_document(name="other")),
        None,
    ],
    ids=["no YAML", "no such day", "an unknown key", "another model's", "deleted"],
)
def test_the_champions_recipe_stands_for_a_spec_that_cannot_be_read(world, home, text):
    if text is None:
        spec_file(home).unlink()
    else:
        spec_file(home).write_text(text, encoding="utf-8")
    found = standing(world)
    assert found.spec.name == MODEL
    assert found.spec.training.features == world.spec.training.features
    assert found.spec.dataset.snapshot_columns == world.spec.dataset.snapshot_columns
    assert found.spec.dataset.first_partition == date(1, 1, 1)
    assert f"{MODEL}.yaml" in found.note


def test_an_older_release_stands_for_a_champion_that_the_lake_lost(world, home):
    world.lake.objects[world.new.recipe_path] = b"damaged"
    assert broken(world, home).spec.name == MODEL
    world.lake.objects[world.old.recipe_path] = b"damaged"
    with pytest.raises(SpecError, match="not readable as YAML"):
        standing(world)


def test_a_recipe_that_somebody_put_into_the_lake_stands_for_nothing(world, home):
    """It could name another model, and the rollback would be that model's."""
    recipe = world.lake.objects[world.new.recipe_path].replace(b'"model":"demand"', b'"model":"others"')
    assert recipe != world.lake.objects[world.new.recipe_path]
    world.lake.objects[world.new.recipe_path] = recipe
    forged = world.new.model_copy(update={"recipe_sha256": hashlib.sha256(recipe).hexdigest()})
    world.lake.objects[version_manifest(MODEL, world.new.version)] = forged.model_dump_json().encode()
    assert broken(world, home).spec.name == MODEL


def test_a_lake_that_does_not_answer_is_worth_a_retry(world, home, monkeypatch):
    def down(*_, **__):
        message = "no lake"
        raise UnavailableError(message)

    monkeypatch.setattr(world.lake, "read", down)
    with pytest.raises(UnavailableError):
        broken(world, home)


def test_a_name_that_nobody_knows_is_a_mistake_as_ever(world):
    with pytest.raises(SpecError, match="no such model spec; did you mean 'demand'"):
        standing(world, "demnd")


def test_a_rollback_needs_no_spec(world, home, monkeypatch):
    found = broken(world, home)
    places(monkeypatch, process=world.host)
    request = RollbackRequest.of(by="ann", reason="answers nonsense")
    plan = rehearse_rollback(found.spec, request, lake=world.lake, ledger=world.ledger)
    assert plan.rehearsal is not None
    spec, host = found.placed(unasked)
    roll_back_model(spec, plan, **world.ports(host=host))
    world.assert_serves(world.old)


def test_the_server_is_the_one_at_the_ledgers_address(world, home, monkeypatch):
    stranger = MemoryServerHost()
    stranger.ensure_running(MODEL)
    stranger.servers[MODEL].address = world.host.servers[MODEL].address.__class__("memory://other", "t")
    places(monkeypatch, process=stranger, docker=world.host)
    spec, host = broken(world, home).placed(unasked)
    assert (spec.deployment.target, host) == (DOCKER, world.host)


@pytest.mark.parametrize("target", [PROCESS, DOCKER])
def test_a_server_that_is_away_is_started_where_alone_it_can_be(world, home, monkeypatch, target):
    world.host.stop(MODEL)
    places(monkeypatch, **{target: world.host})
    spec, host = broken(world, home).placed(unasked)
    assert (spec.deployment.target, host) == (target, world.host)


def test_of_two_kinds_the_running_server_is_taken_and_else_nothing_is_guessed(world, home, monkeypatch):
    found = broken(world, home)
    moved = MemoryServerHost()
    address = moved.ensure_running(MODEL)
    moved.servers[MODEL].address = address.__class__("memory://elsewhere", address.admin_token)
    world.host.stop(MODEL)
    places(monkeypatch, process=world.host, docker=moved)
    assert found.placed(unasked)[1] is moved
    moved.stop(MODEL)
    with pytest.raises(DeploymentError, match="nothing tells whether it is a process or a container"):
        found.placed(unasked)


def test_a_server_that_is_started_again_is_asked_to_take_its_port(world, home, monkeypatch):
    found = broken(world, home)
    served = found.served.model_copy(update={"url": "http://127.0.0.1:4711"})
    world.host.stop(MODEL)
    places(monkeypatch, process=world.host)
    spec, _ = StandingModel(found.spec, served, found.mistake).placed(unasked)
    assert spec.deployment.port == 4711


def test_a_model_without_a_server_has_none(home):
    world = ServingWorld()
    world.spec = world.spec.model_copy(update={"deployment": DeploymentSection(target=NONE)})
    world.deploy(verdict_on(world.old, None))
    spec, host = broken(world, home).placed(unasked)
    assert (spec.deployment.target, type(host).__name__) == (NONE, "NoServer")


def test_what_the_server_logs_is_left_as_it_is_and_no_key_is_asked_for(world, home):
    log = {"enabled": True, "columns": {"weather": "hash"}}
    spec_file(home).write_text(yaml.safe_dump(demand_document(serving={"log": log})), encoding="utf-8")
    asked = []

    def connect(conn_id: str) -> ConnectionFields:
        asked.append(conn_id)
        return ConnectionFields(conn_id, extra={"state_root": str(home)})

    _, host = standing(world).placed(connect)
    assert (type(host).__name__, asked) == ("ProcessHost", ["titlebout_server"])
