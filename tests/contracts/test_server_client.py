"""What every conversation with a model server has to do, over HTTP and in memory alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle, load_bundle, scores_of, with_wrong_golden_rows
from fakes.live_server import live_server, proven_in_this_process
from fakes.server_client import MemoryServerClient
from fakes.server_host import MemoryServerHost
from titlebout.adapters.http_server import HttpServerClient
from titlebout.core.errors import DeploymentError, StaleTokenError, UnavailableError
from titlebout.core.golden import GoldenRows
from titlebout.core.live_trials.trial_port import TrialClient
from titlebout.core.live_trials.trial_wire import TrialOffer
from titlebout.core.ports import ServedRelease, ServerAddress, ServerClient
from titlebout.core.skew.replay_port import ReplayClient
from titlebout.core.specs.release_spec import ReleaseStrategy

FIRST = demand_bundle("2024-01-10-aaaaaaaaaaaa")
SECOND = demand_bundle("2024-01-11-bbbbbbbbbbbb", rounds=9)


@dataclass(frozen=True)
class Setup:
    client: ServerClient
    address: ServerAddress
    dead_address: ServerAddress


def memory_setup() -> Iterator[Setup]:
    host = MemoryServerHost()
    dead = host.ensure_running("dead")
    host.stop("dead")
    yield Setup(MemoryServerClient(host), host.ensure_running("demand"), dead)


def http_setup(state_dir: Path) -> Iterator[Setup]:
    with proven_in_this_process(), live_server(state_dir) as address:
        # Port 9 of the loopback interface: nobody listens there.
        yield Setup(HttpServerClient(), address, replace(address, url="http://127.0.0.1:9"))


@pytest.fixture(params=["memory", "http"])
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Setup]:
    yield from memory_setup() if request.param == "memory" else http_setup(tmp_path)


def test_a_new_server_serves_nothing(setup: Setup):
    assert setup.client.served(setup.address) is None
    with pytest.raises(UnavailableError):
        setup.client.predict(setup.address, [ROW])


def test_a_pushed_release_serves(setup: Setup):
    pushed = setup.client.push(setup.address, FIRST, token=3)
    assert pushed == ServedRelease("demand", FIRST.version, 3)
    assert setup.client.served(setup.address) == pushed
    assert setup.client.predict(setup.address, [ROW, ROW]) == pytest.approx(scores_of(FIRST, ROW, ROW), abs=1e-6)


def test_an_answer_says_which_version_gave_it(setup: Setup):
    client: ReplayClient = setup.client  # type: ignore[assignment]  # both are asked for replays too
    with pytest.raises(UnavailableError):
        client.ask(setup.address, [ROW], request_id="titlebout-replay-1")
    for bundle, token in ((FIRST, 3), (SECOND, 4)):
        setup.client.push(setup.address, bundle, token=token)
        answer = client.ask(setup.address, [ROW, ROW], request_id=f"titlebout-replay-{token}")
        assert answer.version == bundle.version
        assert answer.scores == pytest.approx(scores_of(bundle, ROW, ROW), abs=1e-6)
    with pytest.raises(DeploymentError, match="humidity"):
        client.ask(setup.address, [{**ROW, "humidity": 1}], request_id="x")
    with pytest.raises(UnavailableError):
        client.ask(setup.dead_address, [ROW], request_id="x")


def offered(step: int = 0, **changes) -> TrialOffer:
    champion = {"champion": FIRST.version, "champion_token": 3}
    steps = {"strategy": ReleaseStrategy.CANARY, "step": step, "percent": 5 + step, "max_latency_ratio": 3.0}
    ends_at = datetime(2100, 1, 1, tzinfo=UTC)
    named = {"model": "demand", "version": SECOND.version, "token": 7, "ends_at": ends_at}
    return TrialOffer.model_validate({**named, **champion, **steps, **changes})


def trials_of(setup: Setup) -> TrialClient:
    setup.client.push(setup.address, FIRST, token=3)
    return setup.client  # type: ignore[return-value]  # both speak of trials too


def test_a_trial_starts_goes_on_and_ends(setup: Setup):
    trials = trials_of(setup)
    assert trials.trial(setup.address) is None
    for step in (0, 1, 1):
        status = trials.push_trial(setup.address, offered(step), SECOND)
        assert (status.offer, status.is_running) == (offered(step), True)
        assert trials.trial(setup.address).offer == offered(step)
    assert setup.client.served(setup.address) == ServedRelease("demand", FIRST.version, 3)
    for _ in range(2):
        trials.end_trial(setup.address, 7)
    assert trials.trial(setup.address) is None


def test_a_trial_that_is_over_is_stale_and_says_so(setup: Setup):
    trials = trials_of(setup)
    with pytest.raises(StaleTokenError):
        trials.push_trial(setup.address, offered(champion_token=2), SECOND)
    trials.push_trial(setup.address, offered(1), SECOND)
    for stale in (offered(0), offered(token=6)):
        with pytest.raises(StaleTokenError):
            trials.push_trial(setup.address, stale, SECOND)
    with pytest.raises(StaleTokenError):
        trials.end_trial(setup.address, 6)
    setup.client.push(setup.address, SECOND, token=9)
    assert not trials.trial(setup.address).is_running
    trials.end_trial(setup.address, 7)
    with pytest.raises(StaleTokenError):
        trials.push_trial(setup.address, offered(1), SECOND)


def test_a_candidate_that_does_not_prove_itself_is_refused(setup: Setup):
    with pytest.raises(DeploymentError):
        trials_of(setup).push_trial(setup.address, offered(), with_wrong_golden_rows(SECOND))
    assert setup.client.served(setup.address) == ServedRelease("demand", FIRST.version, 3)


def test_a_dead_server_is_not_there_for_trials_either(setup: Setup):
    trials = trials_of(setup)
    for call in (
        lambda: trials.trial(setup.dead_address),
        lambda: trials.push_trial(setup.dead_address, offered(), SECOND),
        lambda: trials.end_trial(setup.dead_address, 7),
    ):
        with pytest.raises(UnavailableError):
            call()


def test_a_newer_release_takes_over(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    setup.client.push(setup.address, SECOND, token=4)
    assert setup.client.served(setup.address) == ServedRelease("demand", SECOND.version, 4)
    assert setup.client.predict(setup.address, [ROW]) == pytest.approx(scores_of(SECOND, ROW), abs=1e-6)


def test_pushing_again_is_no_change(setup: Setup):
    first = setup.client.push(setup.address, FIRST, token=3)
    assert setup.client.push(setup.address, FIRST, token=3) == first


def test_one_attempt_may_put_the_champion_back(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    setup.client.push(setup.address, SECOND, token=4)
    setup.client.push(setup.address, FIRST, token=4)
    assert setup.client.served(setup.address) == ServedRelease("demand", FIRST.version, 4)


def test_an_older_token_is_refused(setup: Setup):
    setup.client.push(setup.address, SECOND, token=4)
    with pytest.raises(StaleTokenError, match="older"):
        setup.client.push(setup.address, FIRST, token=3)
    assert setup.client.served(setup.address) == ServedRelease("demand", SECOND.version, 4)


def test_a_token_counts_even_if_its_release_was_refused(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError):
        setup.client.push(setup.address, with_wrong_golden_rows(SECOND), token=5)
    with pytest.raises(StaleTokenError):
        setup.client.push(setup.address, SECOND, token=4)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(with_wrong_golden_rows, id="other scores than promised"),
        pytest.param(lambda bundle: replace(bundle, booster=b"no booster"), id="no booster"),
        pytest.param(lambda bundle: replace(bundle, plan=b"{}"), id="no plan"),
        pytest.param(lambda bundle: replace(bundle, golden=b"{}"), id="no golden rows"),
        pytest.param(lambda bundle: replace(bundle, model="other"), id="another model"),
    ],
)
def test_a_bad_release_leaves_the_good_one_serving(setup: Setup, spoil: Callable):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError):
        setup.client.push(setup.address, spoil(SECOND), token=4)
    assert setup.client.served(setup.address) == ServedRelease("demand", FIRST.version, 3)
    assert setup.client.predict(setup.address, [ROW]) == pytest.approx(scores_of(FIRST, ROW), abs=1e-6)


def test_a_wrong_admin_token_is_refused(setup: Setup):
    with pytest.raises(DeploymentError, match="admin token"):
        setup.client.push(replace(setup.address, admin_token="guessed"), FIRST, token=3)
    assert setup.client.served(setup.address) is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**ROW, "humidity": 1}, "humidity"),
        ({"hour": 8, "weather": "dry"}, "temperature"),
        ({**ROW, "hour": "8"}, "hour"),
        ({**ROW, "temperature": float("nan")}, "temperature"),
    ],
)
def test_rows_that_do_not_fit_are_refused_by_name(setup: Setup, row: dict, field: str):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError, match=field):
        setup.client.predict(setup.address, [row])


def test_no_rows_are_refused(setup: Setup):
    setup.client.push(setup.address, FIRST, token=3)
    with pytest.raises(DeploymentError):
        setup.client.predict(setup.address, [])


def test_a_dead_server_is_unavailable(setup: Setup):
    for call in (
        lambda: setup.client.push(setup.dead_address, FIRST, token=1),
        lambda: setup.client.served(setup.dead_address),
        lambda: setup.client.predict(setup.dead_address, [ROW]),
    ):
        with pytest.raises(UnavailableError):
            call()


def test_a_model_of_several_classes_answers_the_probability_of_each(setup: Setup):
    bundle = load_bundle()
    setup.client.push(setup.address, bundle, token=1)
    golden = GoldenRows.model_validate_json(bundle.golden)
    found = setup.client.predict(setup.address, golden.rows)
    assert [len(each) for each in found if isinstance(each, list)] == [3] * len(golden.rows)
    assert golden.difference(found) is None
