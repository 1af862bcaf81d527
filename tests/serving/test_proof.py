from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.bundles import demand_bundle, with_wrong_golden_rows
from titlebout.core.errors import DeploymentError
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import BUNDLE_FILES
from titlebout.serving import proof


def laid_out(folder: Path, bundle: ReleaseBundle) -> Path:
    for part, name in BUNDLE_FILES.items():
        (folder / name).write_bytes(getattr(bundle, part))
    return folder


def prove(folder: Path) -> None:
    proof.prove_apart(folder, model="demand", version="2024-01-10-aaaaaaaaaaaa")


def test_a_good_release_proves_itself_in_another_process(tmp_path: Path):
    prove(laid_out(tmp_path, demand_bundle()))


def test_the_reason_of_a_failure_comes_back_from_the_other_process(tmp_path: Path):
    with pytest.raises(DeploymentError, match=r"'demand'.*golden rows score differently"):
        prove(laid_out(tmp_path, with_wrong_golden_rows(demand_bundle())))


def test_half_a_booster_is_refused_whether_it_raises_or_crashes(tmp_path: Path):
    bundle = demand_bundle()
    with pytest.raises(DeploymentError):
        prove(laid_out(tmp_path, replace(bundle, booster=bundle.booster[: len(bundle.booster) // 2])))


@pytest.fixture
def program(tmp_path: Path, monkeypatch) -> Callable[[str], None]:
    """Return a function that puts a shell script in the place of the program that proves."""

    def stand_in(script: str) -> None:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        path.chmod(0o700)
        monkeypatch.setattr(proof.sys, "executable", str(path))

    return stand_in


@pytest.mark.parametrize(
    ("signal", "said"), [("SEGV", "signal 11.*train the version again"), ("KILL", "memory runs out.*a smaller model")]
)
def test_a_model_that_ends_the_process_that_loads_it_is_refused(tmp_path: Path, program, signal, said):
    program(f"kill -{signal} $$")
    with pytest.raises(DeploymentError, match=said):
        prove(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="no Linux")
def test_where_memory_runs_out_the_kernel_ends_the_proof_and_not_the_server(tmp_path: Path, program):
    program("until grep -q ^1000$ /proc/$$/oom_score_adj; do sleep 0.1; done")
    prove(tmp_path)
    assert Path("/proc/self/oom_score_adj").read_text(encoding="ascii") != "1000\n"


def test_a_model_that_takes_for_ever_to_load_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(proof, "PROOF_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(DeploymentError, match="took more than"):
        prove(laid_out(tmp_path, demand_bundle()))


def test_a_process_that_ends_without_a_word_is_no_proof(tmp_path: Path):
    with pytest.raises(DeploymentError):
        prove(tmp_path)
