import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle, scores_of, with_wrong_golden_rows
from fakes.live_server import proven_in_this_process
from titlebout.core.errors import CorruptObjectError, DeploymentError, StaleTokenError
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import ReleasePush
from titlebout.serving.release_gate import ReleaseGate
from titlebout.serving.settings import ServingSettings

FIRST = demand_bundle("2024-01-10-aaaaaaaaaaaa")
SECOND = demand_bundle("2024-01-11-bbbbbbbbbbbb", rounds=9)


@pytest.fixture(autouse=True)
def _quick_proof() -> Iterator[None]:
    with proven_in_this_process():
        yield


def gate_of(state_dir: Path) -> ReleaseGate:
    return ReleaseGate(ServingSettings(model="demand", state_dir=state_dir, admin_token="x"))


def admit(gate: ReleaseGate, bundle: ReleaseBundle, token: int) -> None:
    gate.admit(ReleasePush.of(bundle, token=token))


def assert_serves(gate: ReleaseGate, bundle: ReleaseBundle, token: int) -> None:
    assert gate.current is not None
    assert (gate.current.receipt.version, gate.current.receipt.token) == (bundle.version, token)
    assert gate.current.predictor.predict_rows([ROW]) == pytest.approx(scores_of(bundle, ROW), abs=1e-6)


def release_folders(state_dir: Path) -> list[str]:
    return sorted(path.name for path in (state_dir / "releases").iterdir())


def test_a_new_gate_serves_nothing(tmp_path: Path):
    assert gate_of(tmp_path).current is None


def test_an_admitted_release_serves_before_and_after_a_restart(tmp_path: Path):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    assert_serves(gate, FIRST, 3)
    assert_serves(gate_of(tmp_path), FIRST, 3)
    assert gate_of(tmp_path).current.receipt == gate.current.receipt


def test_two_releases_are_kept_and_no_more(tmp_path: Path):
    gate = gate_of(tmp_path)
    for token in (3, 4, 10):
        admit(gate, SECOND if token == 4 else FIRST, token)
    assert release_folders(tmp_path) == [f"000000000004-{SECOND.version}", f"000000000010-{FIRST.version}"]


def test_a_champion_that_was_put_back_serves_after_a_restart(tmp_path: Path):
    """Both pushes bear one token, and the champion's name sorts before the challenger's."""
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    admit(gate, SECOND, 4)
    admit(gate, FIRST, 4)
    assert_serves(gate_of(tmp_path), FIRST, 4)


@pytest.mark.parametrize(
    ("bundle", "error"),
    [
        (with_wrong_golden_rows(SECOND), DeploymentError),
        (replace(SECOND, booster=b"no booster"), DeploymentError),
        (replace(SECOND, plan=FIRST.plan[:-1]), DeploymentError),
        (replace(SECOND, model="other"), DeploymentError),
    ],
    ids=["golden rows", "no booster", "half a plan", "another model"],
)
def test_a_release_that_fails_leaves_the_good_one_also_after_a_restart(tmp_path: Path, bundle, error):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    with pytest.raises(error):
        admit(gate, bundle, 4)
    assert_serves(gate, FIRST, 3)
    assert_serves(gate_of(tmp_path), FIRST, 3)
    assert release_folders(tmp_path) == [f"000000000003-{FIRST.version}"]


def test_a_stale_token_stays_stale_after_a_restart(tmp_path: Path):
    gate = gate_of(tmp_path)
    with pytest.raises(DeploymentError):
        admit(gate, with_wrong_golden_rows(FIRST), 9)
    with pytest.raises(StaleTokenError):
        admit(gate_of(tmp_path), FIRST, 8)
    admit(gate_of(tmp_path), FIRST, 9)


def test_a_token_below_the_stored_release_is_stale_even_if_the_fence_was_lost(tmp_path: Path):
    admit(gate_of(tmp_path), FIRST, 9)
    (tmp_path / "fence.json").unlink()
    with pytest.raises(StaleTokenError):
        admit(gate_of(tmp_path), SECOND, 8)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"token": "x"}', b"\xff"])
def test_a_damaged_fence_is_not_guessed_about(tmp_path: Path, content: bytes):
    (tmp_path / "fence.json").write_bytes(content)
    with pytest.raises(DeploymentError, match="damaged"):
        gate_of(tmp_path)


@pytest.mark.parametrize("file", ["booster.ubj", "plan.json", "golden.json", "release.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_release_falls_back_to_the_one_before(tmp_path: Path, file: str, damage: str):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    admit(gate, SECOND, 4)
    path = tmp_path / "releases" / f"000000000004-{SECOND.version}" / file
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-9] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:])
    assert_serves(gate_of(tmp_path), FIRST, 3)


@pytest.mark.parametrize("file", ["plan.json", "golden.json"])
def test_a_release_that_was_edited_by_hand_is_not_served(tmp_path: Path, file: str):
    """It is readable and scores alike, but it is not what was proven."""
    admit(gate_of(tmp_path), FIRST, 3)
    path = tmp_path / "releases" / f"000000000003-{FIRST.version}" / file
    path.write_bytes(path.read_bytes() + b" ")
    assert gate_of(tmp_path).current is None


def test_a_release_is_proven_in_another_process_before_this_one_touches_it(tmp_path: Path, monkeypatch):
    def refuse(folder: Path, *, model: str, version: str) -> None:
        assert (folder / "booster.ubj").read_bytes() == FIRST.booster
        raise DeploymentError(f"{model} {version} crashed a process")

    monkeypatch.setattr("titlebout.serving.release_gate.prove_apart", refuse)
    monkeypatch.setattr("titlebout.serving.release_store.load_proven", lambda _: pytest.fail("it was parsed"))
    with pytest.raises(DeploymentError, match="crashed a process"):
        admit(gate_of(tmp_path), FIRST, 3)


def refuse_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, *, model: str, version: str) -> None:
        raise DeploymentError(f"{version} was proven apart")

    monkeypatch.setattr("titlebout.serving.release_gate.prove_apart", refuse)


def test_bytes_that_this_process_has_served_need_no_process_of_their_own_again(tmp_path: Path, monkeypatch):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    admit(gate, SECOND, 4)
    refuse_apart(monkeypatch)
    admit(gate, FIRST, 5)
    assert_serves(gate, FIRST, 5)
    with pytest.raises(DeploymentError, match="proven apart"):
        admit(gate, replace(FIRST, golden=FIRST.golden + b" "), 6)  # a version's name is not its bytes
    assert_serves(gate, FIRST, 5)


def test_another_process_proves_all_anew_but_what_it_was_started_with(tmp_path: Path, monkeypatch):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    admit(gate, SECOND, 4)
    refuse_apart(monkeypatch)
    restarted = gate_of(tmp_path)
    with pytest.raises(DeploymentError, match="proven apart"):
        admit(restarted, FIRST, 5)
    admit(restarted, SECOND, 6)
    assert_serves(restarted, SECOND, 6)


def test_golden_rows_are_replayed_each_time_whoever_has_proven_them_before(tmp_path: Path, monkeypatch):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    admit(gate, SECOND, 4)

    def differs(bundle: ReleaseBundle) -> None:
        raise DeploymentError(f"{bundle.version} answers otherwise")

    monkeypatch.setattr("titlebout.serving.release_store.load_proven", differs)
    with pytest.raises(DeploymentError, match="answers otherwise"):
        admit(gate, FIRST, 5)
    assert_serves(gate, SECOND, 4)


def test_what_failed_is_proven_anew(tmp_path: Path, monkeypatch):
    gate = gate_of(tmp_path)
    admit(gate, FIRST, 3)
    with pytest.raises(DeploymentError, match="golden"):
        admit(gate, with_wrong_golden_rows(SECOND), 4)
    refuse_apart(monkeypatch)
    with pytest.raises(DeploymentError, match="proven apart"):
        admit(gate, with_wrong_golden_rows(SECOND), 5)


def test_what_a_killed_server_left_half_done_is_swept_up(tmp_path: Path):
    admit(gate_of(tmp_path), FIRST, 3)
    leftover = tmp_path / "releases" / ".incoming-abc"
    leftover.mkdir()
    (leftover / "booster.ubj").write_bytes(b"half")
    assert_serves(gate_of(tmp_path), FIRST, 3)
    assert not leftover.exists()


def test_the_state_folder_of_another_model_is_not_served(tmp_path: Path):
    admit(gate_of(tmp_path), FIRST, 3)
    other = ReleaseGate(ServingSettings(model="other", state_dir=tmp_path, admin_token="x"))
    assert other.current is None


def test_a_file_that_changed_on_the_way_is_refused(tmp_path: Path):
    push = ReleasePush.of(FIRST, token=3)
    swapped = push.files | {"plan.json": push.files["golden.json"].model_copy(update={"sha256": "0" * 64})}
    missing = {name: file for name, file in push.files.items() if name != "golden.json"}
    for files in (swapped, missing, push.files | {"more": push.files["plan.json"]}):
        with pytest.raises(CorruptObjectError):
            gate_of(tmp_path).admit(push.model_copy(update={"files": files}))


def test_two_pushes_at_once_end_with_the_newer_one(tmp_path: Path):
    gate = gate_of(tmp_path)
    refused: list[int] = []

    def try_to(bundle: ReleaseBundle, token: int) -> None:
        try:
            admit(gate, bundle, token)
        except StaleTokenError:
            refused.append(token)

    threads = [threading.Thread(target=try_to, args=pushed) for pushed in ((FIRST, 3), (SECOND, 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_serves(gate, SECOND, 4)
    assert_serves(gate_of(tmp_path), SECOND, 4)
    assert refused in ([], [3])
