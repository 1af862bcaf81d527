"""The checks at the end of each act: each goes red when the thing it checks is not so."""

import math
from dataclasses import dataclass, replace

import pytest

from fakes.demand_days import DemandWorld, demand_rows
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from titlebout.core.ledgers.ledger import EntryKind
from titlebout.core.ports import ReleaseBundle, ServedRelease
from titlebout.core.results import TrainedChallenger
from titlebout.core.versions import read_file
from titlebout.demo.evidence import Evidence
from titlebout.demo.failure import DemoError

DAY = "2024-01-13"


@dataclass
class Played:
    """A world in which a champion serves, as a live night leaves it."""

    world: DemandWorld
    host: MemoryServerHost
    client: MemoryServerClient
    champion: TrainedChallenger
    evidence: Evidence


@pytest.fixture
def played() -> Played:
    world = DemandWorld()
    world.deliver_days("2024-01-01", DAY)
    champion = world.train(DAY)
    world.release(champion)
    world.registry.set_champion(champion.model, champion.version)
    host = MemoryServerHost()
    client = MemoryServerClient(host)
    booster, plan, golden = (read_file(world.lake, champion, word) for word in ("model", "plan", "golden"))
    bundle = ReleaseBundle(champion.model, champion.version, booster, plan, golden)
    settled = world.ledger.entries(champion.model)[-1]
    client.push(host.ensure_running(champion.model), bundle, token=int(str(settled.payload["token"])))
    registered = world.registry.aliases[champion.model].get
    evidence = Evidence(world.spec, world.lake, world.ledger, host, client, registered)
    return Played(world, host, client, champion, evidence)


def test_a_champion_on_whom_all_agree_passes(played):
    assert played.evidence.check_champion(DAY).version == played.champion.version


def test_a_champion_of_another_day_is_noticed(played):
    with pytest.raises(DemoError, match="expected one of 2024-01-12"):
        played.evidence.check_champion("2024-01-12")


def test_a_server_that_serves_another_version_is_noticed(played):
    server = played.host.servers["demand"]
    server.served = replace(server.served, version="another")
    with pytest.raises(DemoError, match="the model server says another"):
        played.evidence.check_champion(DAY)


def test_a_server_with_another_token_is_noticed(played):
    server = played.host.servers["demand"]
    server.served = ServedRelease("demand", played.champion.version, token=1)
    with pytest.raises(DemoError, match="holds token 1"):
        played.evidence.check_champion(DAY)


def test_a_server_that_does_not_run_is_noticed(played):
    played.host.stop("demand")
    with pytest.raises(DemoError, match="no model server runs"):
        played.evidence.check_champion(DAY)


@pytest.mark.parametrize("version", [None, "another"])
def test_an_alias_elsewhere_in_mlflow_is_noticed(played, version):
    evidence = replace(played.evidence, registered=lambda alias: version)
    with pytest.raises(DemoError, match="MLflow's alias 'champion'"):
        evidence.check_champion(DAY)


def test_a_version_that_has_seen_a_faulty_day_is_noticed(played):
    assert played.evidence.check_untouched(["2023-12-31"]) == 1
    with pytest.raises(DemoError, match=f"{played.champion.version} has seen 2024-01-05"):
        played.evidence.check_untouched(["2024-01-05", "2023-12-31"])


def test_a_holdout_with_a_faulty_day_is_noticed_too(played):
    with pytest.raises(DemoError, match=f"has seen {DAY}"):
        played.evidence.check_untouched([DAY])


def test_no_version_at_all_is_no_proof_that_nothing_was_seen(played):
    with pytest.raises(DemoError, match="no challenger was trained"):
        replace(played.evidence, ledger=DemandWorld().ledger).check_untouched([])


def test_a_release_during_a_backfill_is_noticed(played):
    with pytest.raises(DemoError, match="backfills must not"):
        played.evidence.check_never_released()
    replace(played.evidence, ledger=DemandWorld().ledger).check_never_released()


def test_predictions_stand_beside_what_happened(played):
    answers = played.evidence.predict(DAY, 6)
    rows = demand_rows(DAY)
    hours = [each.row["hour"] for each in answers]
    assert len(set(hours)) == 6
    assert [each.actual for each in answers] == [rows["rentals"][hour].as_py() for hour in hours]
    assert all(abs(each.predicted - each.actual) < 60 for each in answers)


def test_a_prediction_that_is_no_number_is_noticed(played):
    played.client.offset = math.nan
    with pytest.raises(DemoError, match="asked the model server for 6 predictions"):
        played.evidence.predict(DAY, 6)


def test_a_changed_ledger_is_noticed(played):
    entries = list(played.world.ledger.entries("demand"))

    class Tampered:
        def entries(self, model: str):
            return [entries[0].model_copy(update={"actor": "nobody"}), *entries[1:]]

    with pytest.raises(Exception, match="was changed after it was written"):
        replace(played.evidence, ledger=Tampered()).state()


def test_quarantined_days_are_listed(played):
    played.world.deliver("2024-01-14", accepted=False)
    assert played.evidence.quarantined() == ("2024-01-14",)
    assert [entry.kind for entry in played.evidence.entries()][-1] is EntryKind.PARTITION_REJECTED
