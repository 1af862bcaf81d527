"""The program that examines a candidate, on this machine instead of in a container."""

import subprocess
import sys
from pathlib import Path

import pytest

from fakes.bundles import ROW, demand_bundle, load_bundle, scores_of, with_wrong_golden_rows
from titlebout.core.candidates.examination import QUESTIONS_FILE, STATE_FOLDER, Answers, Questions
from titlebout.core.golden import GoldenRows
from titlebout.core.ports import ReleaseBundle
from titlebout.core.wire import BUNDLE_FILES


def drilled(folder: Path, bundle: ReleaseBundle, *rows: dict) -> "subprocess.CompletedProcess[str]":
    for part, name in BUNDLE_FILES.items():
        (folder / name).write_bytes(getattr(bundle, part))
    questions = Questions(model=bundle.model, version=bundle.version, rows=rows, rounds=2, requests=5)
    (folder / QUESTIONS_FILE).write_text(questions.model_dump_json())
    (folder / STATE_FOLDER).mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-m", "titlebout.serving.drill", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_it_answers_with_scores_memory_and_latency(tmp_path):
    bundle = demand_bundle()
    rows = (ROW, ROW | {"hour": None}, ROW | {"weather": "ash"})
    done = drilled(tmp_path, bundle, *rows)
    assert done.returncode == 0, done.stderr
    answers = Answers.model_validate_json(done.stdout)
    assert answers.version == bundle.version
    assert answers.scores == pytest.approx(scores_of(bundle, *rows), abs=1e-6)
    assert answers.single_scores == pytest.approx(scores_of(bundle, *rows), abs=1e-6)
    assert answers.memory_bytes > 20 * 2**20
    assert 0 < answers.p50_ms <= answers.p99_ms


def test_several_classes_answer_their_probabilities(tmp_path):
    bundle = load_bundle()
    golden = GoldenRows.model_validate_json(bundle.golden)
    done = drilled(tmp_path, bundle, *golden.rows)
    assert done.returncode == 0, done.stderr
    answers = Answers.model_validate_json(done.stdout)
    assert golden.difference(answers.scores) is None
    assert golden.difference(answers.single_scores) is None


def test_what_the_server_refuses_is_the_last_line_and_no_answer(tmp_path):
    done = drilled(tmp_path, with_wrong_golden_rows(demand_bundle()), ROW)
    assert (done.returncode, done.stdout) == (1, "")
    assert "golden rows score differently" in done.stderr.splitlines()[-1]


def test_a_server_that_does_not_start_is_said(tmp_path):
    (tmp_path / STATE_FOLDER).mkdir()
    token = tmp_path / STATE_FOLDER / "admin_token"
    token.write_text("secret")
    token.chmod(0o644)  # others may read it: the server refuses to start
    done = drilled(tmp_path, demand_bundle(), ROW)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "the server ended at its start, with status 1"
