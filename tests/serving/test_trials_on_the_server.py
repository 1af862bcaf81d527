"""A trial on a real server: who answers, what is counted, and what a restart, a swap and a broken candidate change."""

import errno
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from fakes.bundles import ROW, demand_bundle, load_bundle, scores_of, with_wrong_golden_rows
from fakes.live_server import ADMIN_TOKEN, client_of_server, push_release
from fakes.load_days import CLASSES
from fakes.server_program import running, until
from titlebout.core.golden import GoldenRows
from titlebout.core.live_trials.share import is_in_share
from titlebout.core.live_trials.trial_wire import ADMIN_TRIAL_PATH, TrialOffer, TrialPush, TrialStatus
from titlebout.core.predictor import Predictor
from titlebout.core.specs.release_spec import ReleaseStrategy
from titlebout.core.wire import REPLAY_PREFIX
from titlebout.serving import trial_gate, trial_pairs, trial_run, trial_store

CHAMPION = demand_bundle("2024-01-10-aaaaaaaaaaaa")
CANDIDATE = demand_bundle("2024-01-11-bbbbbbbbbbbb", rounds=9)
ADMIN = {"authorization": f"Bearer {ADMIN_TOKEN}"}
RELEASE, TRIAL = 3, 7


def offer(**changes) -> TrialOffer:
    document = {
        "model": "demand",
        "version": CANDIDATE.version,
        "token": TRIAL,
        "champion": CHAMPION.version,
        "champion_token": RELEASE,
        "strategy": ReleaseStrategy.CANARY,
        "step": 0,
        "percent": 50,
        "ends_at": datetime.now(tz=UTC) + timedelta(hours=1),
        "max_latency_ratio": 3.0,
    }
    return TrialOffer.model_validate(document | changes)


def push(client: httpx.Client, wanted: TrialOffer, bundle=CANDIDATE) -> httpx.Response:
    body = TrialPush.of(wanted, bundle).model_dump(mode="json")
    return client.put(ADMIN_TRIAL_PATH, json=body, headers=ADMIN)


def started(client: httpx.Client, wanted: TrialOffer) -> None:
    answer = push(client, wanted)
    assert answer.status_code == 200, answer.text


def status(client: httpx.Client) -> TrialStatus | None:
    document = client.get(ADMIN_TRIAL_PATH, headers=ADMIN).json()["trial"]
    return None if document is None else TrialStatus.model_validate(document)


def ask(client: httpx.Client, request_id: str, **changes) -> dict:
    headers = {"x-request-id": request_id, **ADMIN}
    answer = client.post("/predict", json={"rows": [ROW | changes]}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def counted(client: httpx.Client, pairs: int) -> TrialStatus:
    """Wait until so many pairs were scored in the background."""
    deadline = time.monotonic() + 60
    while True:
        found = status(client)
        assert found is not None
        if found.counts.pairs >= pairs:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[httpx.Client]:
    with client_of_server(tmp_path) as client:
        push_release(client, CHAMPION, token=RELEASE)
        yield client


def test_a_server_without_a_trial_says_so_and_strangers_learn_nothing(client):
    assert status(client) is None
    for ask_it in (client.get, client.put):
        assert ask_it(ADMIN_TRIAL_PATH).status_code == 401
    assert client.delete(f"{ADMIN_TRIAL_PATH}/7").status_code == 401


def test_a_shadow_scores_everything_and_answers_nothing(client):
    started(client, offer(strategy=ReleaseStrategy.SHADOW, percent=0))
    for number in range(30):
        assert ask(client, f"r{number}")["version"] == CHAMPION.version
    found = counted(client, 30).counts
    assert (found.answered_champion, found.asked_candidate, found.fallbacks) == (30, 0, 0)
    assert found.candidate_errors == found.champion_errors == 0
    assert sum(found.distance.values()) == sum(found.shift.values()) == 30
    apart = scores_of(CANDIDATE, ROW)[0] - scores_of(CHAMPION, ROW)[0]
    assert found.differences.mean == pytest.approx(apart, abs=1e-6)
    assert found.differences.largest == pytest.approx(abs(apart), abs=1e-6)
    assert 'role="shadow"' in client.get("/metrics").text


def test_what_the_product_asks_its_own_server_is_no_traffic(client):
    """`check_skew` replays golden rows, a hundred times a night: no trial may pass by that alone."""
    started(client, offer(percent=50))
    answered = {ask(client, f"{REPLAY_PREFIX}{number}")["version"] for number in range(20)}
    assert answered == {CHAMPION.version, CANDIDATE.version}  # whoever would answer a caller of that name
    ask(client, "a caller")
    found = counted(client, 1).counts
    assert (found.pairs, found.answered_champion + found.asked_candidate, found.left_out) == (1, 1, 0)


def test_a_canary_answers_its_share_and_the_share_only_grows(client):
    answered = {}
    for step, percent in enumerate((20, 60, 100)):
        started(client, offer(step=step, percent=percent))
        asked = {f"r{number}": ask(client, f"r{number}")["version"] for number in range(60)}
        answered[percent] = {name for name, version in asked.items() if version == CANDIDATE.version}
        assert answered[percent] == {name for name in asked if is_in_share(name, "demand:7", percent)}
        found = counted(client, 60)
        assert (found.offer.step, found.counts.asked_candidate) == (step, len(answered[percent]))
    assert answered[20] < answered[60] < answered[100]
    assert len(answered[100]) == 60


def test_the_same_field_gets_the_same_model_and_one_stranger_in_a_request_the_champion(client):
    started(client, offer(sticky_by="hour", percent=50))
    by_hour = {hour: ask(client, f"a{hour}", hour=hour)["version"] for hour in range(24)}
    assert set(by_hour.values()) == {CHAMPION.version, CANDIDATE.version}
    assert by_hour == {hour: ask(client, f"b{hour}", hour=float(hour))["version"] for hour in range(24)}
    inside = next(hour for hour, version in by_hour.items() if version == CANDIDATE.version)
    outside = next(hour for hour, version in by_hour.items() if version == CHAMPION.version)
    rows = [ROW | {"hour": inside}, ROW | {"hour": outside}]
    assert client.post("/predict", json={"rows": rows}).json()["version"] == CHAMPION.version


@pytest.mark.parametrize("broken", ["raises", "nan"])
def test_a_client_never_sees_a_candidate_fail(client, monkeypatch, broken):
    started(client, offer(percent=100))
    good = Predictor.predict_rows
    mine = scores_of(CHAMPION, ROW)[0]

    def bad(self, rows):
        scores = good(self, rows)
        if abs(scores[0] - mine) < 1e-6:
            return scores
        if broken == "raises":
            raise MemoryError
        return np.full(len(scores), np.nan)

    monkeypatch.setattr(Predictor, "predict_rows", bad)
    for number in range(20):
        said = ask(client, f"r{number}")
        assert (said["version"], said["predictions"][0]) == (CHAMPION.version, pytest.approx(mine, abs=1e-6))
    found = counted(client, 20).counts
    assert (found.asked_candidate, found.fallbacks, found.candidate_errors) == (20, 20, 20)


def test_what_the_champion_refuses_counts_against_nobody(client):
    started(client, offer(percent=100))
    assert client.post("/predict", json={"rows": [{"hour": "eight"}]}).status_code == 422
    ask(client, "fine")
    found = counted(client, 1).counts
    assert (found.asked_candidate, found.fallbacks, found.candidate_errors) == (1, 0, 0)


def test_who_asks_for_the_champion_by_name_gets_it(client):
    started(client, offer(percent=100))
    tensors = [
        {"name": name, "shape": [1], "datatype": kind, "data": [ROW[name]]}
        for name, kind in (("hour", "INT64"), ("temperature", "FP64"), ("weather", "BYTES"))
    ]
    for path, version in ((f"/versions/{CHAMPION.version}", CHAMPION.version), ("", CANDIDATE.version)):
        answer = client.post(f"/v2/models/demand{path}/infer", json={"inputs": tensors})
        assert answer.json()["model_version"] == version, answer.text


@pytest.fixture
def counted_before(tmp_path) -> TrialStatus:
    """What a server has counted that was told to end."""
    with client_of_server(tmp_path) as client:
        push_release(client, CHAMPION, token=RELEASE)
        started(client, offer(step=1, percent=100, slices=["weather"]))
        for number in range(3):
            ask(client, f"before {number}")
        return counted(client, 3)


def test_a_restart_goes_on_with_the_step_and_with_what_was_counted(tmp_path, counted_before):
    with client_of_server(tmp_path) as client:
        after = status(client)
        assert after is not None
        assert after.instance != counted_before.instance
        assert after.model_copy(update={"instance": counted_before.instance}) == counted_before
        assert ask(client, "after")["version"] == CANDIDATE.version
        found = counted(client, 4).counts
        assert found.slices["weather=rain"].rows == sum(found.distance.values()) == found.differences.count == 4
        started(client, offer(step=2, percent=100))
        assert status(client).counts.pairs == 0


def test_a_killed_server_has_forgotten_nothing_that_anybody_saw_and_its_candidate_pays_for_it(tmp_path, counted_before):
    """Each restart that forgot what was counted would be another chance to pass, or to go on doing harm."""
    kept = tmp_path / "trial" / "offer.json"
    with running(tmp_path) as server, httpx.Client(base_url=server.address.url, timeout=60, trust_env=False) as client:
        already = counted_before.counts.pairs
        until(lambda: ask(client, "nobody looks") and json.loads(kept.read_bytes())["counts"]["pairs"] > already)
        found = client.get(ADMIN_TRIAL_PATH, headers={"authorization": f"Bearer {server.address.admin_token}"})
        seen = TrialStatus.model_validate(found.json()["trial"]).counts
        server.process.kill()
        server.process.wait()
    assert seen.candidate_errors == 0
    with client_of_server(tmp_path) as client:
        after = status(client).counts
    # A moment later than anybody looked more may have been saved, but never less.
    assert after.pairs > seen.pairs > already
    assert after.asked_candidate >= seen.asked_candidate
    assert after.candidate_errors == 1


def test_a_candidate_whose_stored_bytes_changed_does_not_answer_until_it_is_sent_again(tmp_path, counted_before):
    (booster,) = (tmp_path / "trial").glob("*/booster.ubj")
    booster.write_bytes(CHAMPION.booster)
    with client_of_server(tmp_path) as client:
        assert status(client) is None
        assert ask(client, "r")["version"] == CHAMPION.version
        assert push(client, offer(step=0, percent=5)).status_code == 409
        started(client, counted_before.offer)
        assert status(client).counts == counted_before.counts


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: text.replace('"pairs":3', '"pairs":-3'), "is damaged"),
        (lambda text: text.replace('"champion":[', '"champion":[0,'), "other bins"),
    ],
    ids=["cut", "negative", "other bins"],
)
def test_a_trial_of_which_nobody_knows_what_was_counted_is_over(tmp_path, counted_before, damage, named):
    kept = tmp_path / "trial" / "offer.json"
    before = kept.read_text()
    kept.write_text(damage(before))
    assert kept.read_text() != before
    with client_of_server(tmp_path) as client:
        assert ask(client, "r")["version"] == CHAMPION.version
        answer = push(client, counted_before.offer)
        assert answer.status_code == 422
        assert named in answer.json()["error"]
        assert status(client) is None
        assert client.delete(f"{ADMIN_TRIAL_PATH}/{TRIAL}", headers=ADMIN).status_code == 200
        started(client, offer(token=TRIAL + 1, percent=100))
        assert ask(client, "r")["version"] == CANDIDATE.version


def test_what_was_counted_last_is_soon_on_the_disk_although_nobody_asks_any_more(client, tmp_path):
    started(client, offer(percent=100))
    for number in range(20):
        ask(client, f"r{number}")
    until(lambda: json.loads((tmp_path / "trial" / "offer.json").read_bytes())["counts"]["pairs"] == 20)


def test_nobody_sees_counts_that_the_disk_does_not_take_and_callers_are_answered(client, monkeypatch):
    started(client, offer(percent=100))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(trial_store, "write_durably", full)
        patch.setattr(trial_gate, "KEEP_SECONDS", 0)
        for number in range(5):
            assert ask(client, f"r{number}")["version"] == CANDIDATE.version
        answer = client.get(ADMIN_TRIAL_PATH, headers=ADMIN)
        assert answer.status_code == 507
        assert "No space left" in answer.json()["error"]
    assert counted(client, 5).counts.asked_candidate == 5


def test_a_trial_ends_for_good_on_a_disk_that_is_full(tmp_path, monkeypatch):
    with client_of_server(tmp_path) as client:
        push_release(client, CHAMPION, token=RELEASE)
        started(client, offer(percent=100))

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(trial_store, "write_durably", full)
            answer = client.delete(f"{ADMIN_TRIAL_PATH}/{TRIAL}", headers=ADMIN)
        assert answer.status_code == 507
        assert "No space left" in answer.json()["error"]
        assert ask(client, "r")["version"] == CHAMPION.version
        assert push(client, offer(percent=100)).status_code == 409
    with client_of_server(tmp_path) as client:
        assert ask(client, "r")["version"] == CHAMPION.version
        assert status(client) is None


def test_another_release_ends_a_trial_in_the_same_moment(client):
    started(client, offer(percent=100))
    push_release(client, CANDIDATE, token=9)
    found = status(client)
    assert found is not None
    assert not found.is_running
    assert ask(client, "r")["version"] == CANDIDATE.version
    assert push(client, offer(percent=100, step=1)).status_code == 409


def test_a_trial_that_nobody_watches_ends_by_itself(client, monkeypatch):
    started(client, offer(percent=100))
    assert ask(client, "r")["version"] == CANDIDATE.version
    over = time.time() + 3601
    monkeypatch.setattr(trial_run, "time", SimpleNamespace(time=lambda: over))
    assert ask(client, "r")["version"] == CHAMPION.version
    found = status(client)
    assert found is not None
    assert not found.is_running


def test_an_ended_trial_never_comes_back_and_an_older_one_never_starts(tmp_path):
    with client_of_server(tmp_path) as client:
        push_release(client, CHAMPION, token=RELEASE)
        started(client, offer(percent=100))
        for _ in range(2):
            assert client.delete(f"{ADMIN_TRIAL_PATH}/{TRIAL}", headers=ADMIN).status_code == 200
        assert ask(client, "r")["version"] == CHAMPION.version
        assert push(client, offer(percent=100)).status_code == 409
    with client_of_server(tmp_path) as client:
        assert status(client) is None
        assert push(client, offer(percent=100)).status_code == 409
        started(client, offer(token=TRIAL + 1))
        assert push(client, offer()).status_code == 409
        assert client.delete(f"{ADMIN_TRIAL_PATH}/{TRIAL}", headers=ADMIN).status_code == 409
        assert status(client).offer.token == TRIAL + 1


def test_a_step_never_goes_back_and_the_same_one_twice_keeps_its_counts(client):
    wanted = offer(step=1, percent=100)
    started(client, wanted)
    ask(client, "r")
    counted(client, 1)
    assert TrialStatus.model_validate(push(client, wanted).json()["trial"]).counts.pairs == 1
    later = wanted.model_copy(update={"ends_at": wanted.ends_at + timedelta(hours=1)})
    assert TrialStatus.model_validate(push(client, later).json()["trial"]).counts.pairs == 1
    assert push(client, offer(step=0, percent=5)).status_code == 409


@pytest.mark.parametrize(
    ("wanted", "bundle", "code"),
    [
        (offer(), with_wrong_golden_rows(CANDIDATE), 422),
        (offer(model="other"), CANDIDATE, 422),
        (offer(champion_token=4), CANDIDATE, 409),
        (offer(champion="2024-01-09-cccccccccccc"), CANDIDATE, 409),
    ],
    ids=["golden rows", "another model", "another release", "another champion"],
)
def test_a_trial_that_does_not_belong_here_is_refused_and_the_champion_answers(client, wanted, bundle, code):
    assert push(client, wanted, bundle).status_code == code
    assert ask(client, "r")["version"] == CHAMPION.version
    assert status(client) is None


def test_a_body_that_is_no_trial_is_refused(client):
    answer = client.put(ADMIN_TRIAL_PATH, content=json.dumps({"offer": {}}), headers=ADMIN)
    assert answer.status_code == 400


def test_a_queue_that_is_full_is_counted_and_delays_nobody(client, monkeypatch):
    monkeypatch.setattr(trial_pairs, "REST_SHARE", 1e4)
    started(client, offer(percent=0, strategy=ReleaseStrategy.SHADOW))
    room = trial_pairs.MOST_WAITING
    for number in range(room + 20):
        ask(client, f"r{number}")
    assert status(client).counts.left_out >= 10


@pytest.mark.parametrize(
    ("classes", "is_alike"),
    [(CLASSES[::-1], True), (("new", *CLASSES), True), ((*CLASSES[:2], "other"), False)],
)
def test_classes_are_compared_by_their_names(tmp_path, classes, is_alike):
    champion = load_bundle(CHAMPION.version)
    rows = GoldenRows.model_validate_json(champion.golden).rows[:4]
    if is_alike:
        candidate = load_bundle(CANDIDATE.version, classes=classes)
    else:  # trained on the same rows, but one class goes by another name
        plan = champion.plan.replace(b'"high"', b'"other"')
        candidate = replace(champion, version=CANDIDATE.version, plan=plan)
    with client_of_server(tmp_path) as client:
        push_release(client, champion, token=RELEASE)
        assert push(client, offer(strategy=ReleaseStrategy.SHADOW, percent=0), candidate).status_code == 200
        for number, row in enumerate(rows):
            client.post("/predict", json={"rows": [row]}, headers={"x-request-id": f"r{number}"})
        counts = counted(client, len(rows)).counts
    assert counts.candidate_errors == (0 if is_alike else len(rows))
    if is_alike:
        assert counts.disagreement == {0: len(rows)}
        assert counts.distance == {0: len(rows)}
